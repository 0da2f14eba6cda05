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

const SERVICES = 'sagemaker-sdk service_steps.py';

test('SageMaker SDK: steps that call functions, wait for people, and are repeated for items', async () => {
  const server = await startServer();
  try {
    const program = join(import.meta.dirname, 'sagemaker-sdk/service_steps.py');
    const printed = await runToSuccess(server, ['python3', program], { test: SERVICES });
    const counts = (failed: number, items: number, status: string, succeeded: number) =>
      `{'FailedStepCount': ${failed}, 'InputItemCount': ${items}, 'Status': '${status}', 'StoppedStepCount': 0, 'SucceededStepCount': ${succeeded}, 'TotalStepCount': ${items}}`;
    const failed = 'Step failure: One or multiple steps failed.';
    const unhandled = 'ClientError: The function failed (Unhandled): ValueError: nothing to count';
    assert.deepEqual(
      printed
        .trim()
        .split('\n')
        .filter((line) => /^(asked|refused|told|each|[A-Z]\w+): /.test(line)),
      [
        "asked: {'letters': 5}",
        "Succeeded: {'Count': 'Succeeded', 'Ask': 'Succeeded', 'Agreed': 'Succeeded'}",
        "asked: {'letters': 5}",
        `Failed: {'Count': 'Succeeded', 'Ask': 'Succeeded', 'Agreed': 'Succeeded', 'Refused': 'Failed'} ${failed} Step 'Refused': refused 5`,
        'refused: ValidationException',
        'refused: ResourceNotFound',
        `Failed: {'Count': 'Failed'} ${failed} Step 'Count': ${unhandled}`,
        'told: Stopping Stopping',
        "Stopped: {'Count': 'Succeeded', 'Ask': 'Stopped'}",
        "Succeeded: {'Each': 'Succeeded', 'Letters-0': 'Succeeded', 'Letters-1': 'Succeeded', 'Letters-2': 'Succeeded', 'Longest': 'Succeeded'}",
        `each: ${counts(0, 3, 'Succeeded', 3)} {'StepName': 'Letters-1', 'Index': 1}`,
        `CompletedWithFailures: {'Each': 'Failed', 'Letters-0': 'Succeeded', 'Letters-1': 'Failed', 'Mend': 'Succeeded'} ${failed} Step 'Letters-1': ${unhandled}`,
        `each: ${counts(1, 2, 'Failed', 1)} None`,
      ],
    );
    assert.deepEqual(unprovenClaims([SERVICES]), []);
  } finally {
    await server.stop();
  }
});

const NOTEBOOKS = 'sagemaker-sdk notebook_steps.py';

test('SageMaker SDK: notebooks run as steps, with parameters; a cell that fails is named', async () => {
  const server = await startServer();
  try {
    const program = join(import.meta.dirname, 'sagemaker-sdk/notebook_steps.py');
    const printed = await runToSuccess(server, ['python3', program], { test: NOTEBOOKS });
    assert.match(printed, /^Failed: \{'Fails': 'Failed', 'Sum': 'Succeeded'\}$/m);
    assert.match(
      printed,
      /^reason: AlgorithmError: Cell 2 of the notebook failed: ZeroDivisionError: division by zero, exit code: 1$/m,
    );
    assert.match(printed, /^outputs: \[\['total: 20\\n'\], \['20'\]\]$/m);
    assert.deepEqual(unprovenClaims([NOTEBOOKS]), []);
  } finally {
    await server.stop();
  }
});

const MODES = 'sagemaker-sdk serving_modes.py';

test('SageMaker SDK: pipeline model, multi-data model, asynchronous and serverless deployment', async () => {
  const server = await startServer();
  try {
    const program = join(import.meta.dirname, 'sagemaker-sdk/serving_modes.py');
    const printed = await runToSuccess(server, ['python3', program], { test: MODES });
    assert.deepEqual(
      printed
        .trim()
        .split('\n')
        .filter((line) => /^(chain|models|three|seven|later|light):/.test(line)),
      [
        'chain: [[10.0, 20.0]]',
        "models: ['late/seven.tar.gz', 'three.tar.gz']",
        'three: [[3.0, 6.0]]',
        'seven: [[7.0, 14.0]]',
        'later: [[4.0, 8.0]]',
        'light: [[6.0, 12.0]]',
      ],
    );
    assert.deepEqual(unprovenClaims([MODES]), []);
  } finally {
    await server.stop();
  }
});
