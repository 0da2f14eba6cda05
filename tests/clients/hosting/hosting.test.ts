import { join } from 'node:path';
import { test } from 'node:test';
import { runPython, withServer } from '../s3/running-server.ts';

test('boto3: a trained model registered, approved, deployed, invoked, exchanged and deleted', () =>
  withServer((folder) => runPython(folder, join(import.meta.dirname, 'hosting.py'))));
