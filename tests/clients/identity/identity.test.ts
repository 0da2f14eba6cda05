import { join } from 'node:path';
import { test } from 'node:test';
import { runPython, withServer } from '../s3/running-server.ts';

test('boto3: callers, roles, sessions and who may do what', () =>
  withServer((folder) => runPython(folder, join(import.meta.dirname, 'identity.py'))));
