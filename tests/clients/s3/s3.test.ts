import { join } from 'node:path';
import { test } from 'node:test';
import { runPython, withServer } from './running-server.ts';

for (const program of ['objects.py', 'listing.py', 'multipart.py', 'raw_requests.py']) {
  test(`boto3: ${program}`, () => withServer((folder) => runPython(folder, join(import.meta.dirname, program))));
}
