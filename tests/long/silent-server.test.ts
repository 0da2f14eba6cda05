import { join } from 'node:path';
import { test } from 'node:test';
import { runToSuccess } from '../harness/client-program.ts';
import { startServer } from '../harness/server.ts';

test('boto3: a model server that never answers a ping fails its endpoint after its 60 seconds', async () => {
  const server = await startServer();
  try {
    const program = join(import.meta.dirname, '../clients/sagemaker/silent_server.py');
    await runToSuccess(server, ['python3', program], { test: 'boto3 silent_server.py' });
  } finally {
    await server.stop();
  }
});
