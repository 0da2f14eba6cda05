import { join } from 'node:path';
import { test } from 'node:test';
import { runPython, withServer } from '../s3/running-server.ts';

test('boto3: log groups, streams and events', () =>
  withServer((folder) => runPython(folder, join(import.meta.dirname, 'logs.py'))));
