import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runToSuccess } from '../harness/client-program.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer } from '../harness/server.ts';

const NAME = 'aws-cli main-job.sh';

test('AWS CLI: jobs, a pipeline with both branches, approval, endpoint, prediction, and its waiters', async () => {
  const server = await startServer();
  try {
    const script = join(import.meta.dirname, 'aws-cli/main-job.sh');
    const printed = await runToSuccess(server, ['bash', script, join(import.meta.dirname, 'seeds')], { test: NAME });
    assert.match(printed, /^caller of 123456789012, role arn:aws:iam::123456789012:role\/SageMakerPipelineExecutionRole$/m);
    assert.match(printed, /^log: .*train: 455 rows.*validation: 114 rows/m);
    assert.match(printed, /^cli-builtin: xgboost-model$/m);
    assert.match(printed, /^cli-script: xgboost-model$/m);
    assert.match(printed, /^execution: Succeeded/m);
    assert.match(printed, /^execution: Failed\t.*accuracy is below 1\.5/m);
    assert.match(printed, /^TooInaccurate\tFailed$/m);
    assert.match(printed, /^registered: \S*:model-package\/cli-models\/1$/m);
    assert.match(printed, /^refused: PendingManualApproval$/m);
    const scores = /^labels and scores: (.*);$/m
      .exec(printed)?.[1]
      ?.split(';')
      .map((pair) => pair.split(' ').map(Number));
    assert.equal(scores?.length, 3, printed);
    for (const [label, score] of scores ?? []) assert.equal(Number((score ?? -1) > 0.5), label, printed);
    assert.match(printed, /^done$/m);
    assert.deepEqual(unprovenClaims([NAME]), []);
  } finally {
    await server.stop();
  }
});

const SERVING = 'aws-cli serving.sh';

test('AWS CLI: variants by weight, a pipeline, many models, later answers, serverless', async () => {
  const server = await startServer();
  try {
    const printed = await runToSuccess(server, ['bash', join(import.meta.dirname, 'aws-cli/serving.sh')], { test: SERVING });
    const lines = printed.split('\n').filter((line) => /\(\w+\)$|^later: |^done$/.test(line));
    assert.deepEqual(lines, [
      'two hello (two)',
      'one hello (one)',
      'one hello (one)',
      'two one hello (chain)',
      'one hello (many)',
      'two hello (many)',
      'later: one hello',
      'one hello (one)',
      'done',
    ]);
    assert.deepEqual(unprovenClaims([SERVING]), []);
  } finally {
    await server.stop();
  }
});
