import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runToSuccess } from '../harness/client-program.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer } from '../harness/server.ts';

const NAME = 'sagemaker-sdk without_pipeline.py';

test('SageMaker SDK without a pipeline: logs while fitting, register, deploy, a model script of its own', async () => {
  const server = await startServer();
  try {
    const program = join(import.meta.dirname, 'sagemaker-sdk/without_pipeline.py');
    const printed = await runToSuccess(server, ['python3', program, join(import.meta.dirname, 'seeds')], { test: NAME });
    assert.match(printed, /^train: 455 rows$/m, 'the processing job shows its log');
    assert.match(printed, /^\[19\]#011train-logloss:\S+#011validation-logloss:\S+$/m, 'the training job shows its log');
    assert.match(printed, /^metrics: \['train:logloss', 'validation:logloss'\]$/m);
    assert.match(printed, /^accuracy: 0\.9\d+$/m);
    assert.match(printed, /^tripled: \[\[3\.0, 6\.0\]\]$/m);
    assert.deepEqual(unprovenClaims([NAME]), []);
  } finally {
    await server.stop();
  }
});

const RERUNS = 'sagemaker-sdk reruns.py';

test('SageMaker SDK: CacheConfig, retry policies and SelectiveExecutionConfig', async () => {
  const server = await startServer();
  try {
    const program = join(import.meta.dirname, 'sagemaker-sdk/reruns.py');
    const printed = await runToSuccess(server, ['python3', program], { test: RERUNS });
    const all = (word: string) => `{'First': '${word}', 'Second': '${word}', 'Third': '${word}'}`;
    assert.deepEqual(
      printed
        .trim()
        .split('\n')
        .filter((line) => /^(policies|first|second|third|latest|edited|refused):/.test(line)),
      [
        "policies: [['BackoffRate', 'ExceptionType', 'ExpireAfterMin', 'IntervalSeconds'], ['BackoffRate', 'ExceptionType', 'IntervalSeconds', 'MaxAttempts']]",
        `first: Succeeded ${all('ran')}`,
        `second: Succeeded ${all('cached')}`,
        "third: Succeeded {'First': 'reused', 'Second': 'ran'}",
        "latest: Succeeded {'First': 'reused', 'Second': 'ran', 'Third': 'ran'}",
        "edited: Succeeded {'First': 'cached', 'Second': 'cached', 'Third': 'ran'}",
        "refused: The selective execution is not valid. All steps on the paths between two selected steps have to be selected. Select 'Second' as well.",
      ],
    );
    assert.deepEqual(unprovenClaims([RERUNS]), []);
  } finally {
    await server.stop();
  }
});

const FUNCTIONS = 'sagemaker-sdk function_steps.py';

test('SageMaker SDK: functions under @step run as steps and hand on what they return; @remote raises what failed', async () => {
  const server = await startServer();
  try {
    const program = join(import.meta.dirname, 'sagemaker-sdk/function_steps.py');
    const printed = await runToSuccess(server, ['python3', program], { test: FUNCTIONS });
    assert.match(
      printed,
      /^Succeeded: \{'Enough': 'Succeeded', 'Numbers': 'Succeeded', 'Report': 'Succeeded', 'Total': 'Succeeded'\}$/m,
    );
    assert.match(printed, /^result: the sum is 10 10$/m);
    assert.match(printed, /^remote failed: division by zero$/m);
    assert.deepEqual(unprovenClaims([FUNCTIONS]), []);
  } finally {
    await server.stop();
  }
});
