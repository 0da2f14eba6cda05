import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { slipway } from '../../harness/cli.ts';
import { runToSuccess } from '../../harness/client-program.ts';
import { startServer } from '../../harness/server.ts';

test('boto3: batch transform of XGBoost and of a script: filters, joins, capture, bad input, stops, refusals', async () => {
  const server = await startServer();
  try {
    await runToSuccess(server, ['python3', join(import.meta.dirname, 'transform.py')], { test: 'boto3 transform.py' });
    const { code, stdout, stderr } = await slipway(['audit', 'verify', '--data', server.folder]);
    assert.equal(code, 0, stdout + stderr);
  } finally {
    await server.stop();
  }
});

test('SageMaker SDK: a Transformer shows the log, joins ids, runs a script of its own, says what failed', async () => {
  const server = await startServer();
  try {
    const program = ['python3', join(import.meta.dirname, 'transformer.py')];
    const printed = await runToSuccess(server, program, { test: 'sagemaker-sdk transformer.py' });
    assert.match(printed, /^mse: 0\.0\d+$/m);
    assert.match(printed, /\[sagemaker logs\]: MaxConcurrentTransforms=2, MaxPayloadInMB=5, BatchStrategy=MULTI_RECORD/);
    assert.match(printed, /^tripled: \[\[3\.0, 6\.0\]\]$/m);
    assert.match(printed, /^attached: True$/m);
    assert.match(printed, /^failed: .*spoilt\/rows\.csv: line 2: the model answered with HTTP status 415/m);
  } finally {
    await server.stop();
  }
});
