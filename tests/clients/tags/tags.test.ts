import { join } from 'node:path';
import { test } from 'node:test';
import { runPython, withServer } from '../s3/running-server.ts';

test('boto3: tags of SageMaker resources', () => withServer((folder) => runPython(folder, join(import.meta.dirname, 'tags.py'))));
