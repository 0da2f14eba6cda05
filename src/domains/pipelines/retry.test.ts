import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../platform/errors/families.ts';
import {
  create,
  describe,
  endAll,
  processing,
  refused,
  start,
  statuses,
  steps,
  token,
  world,
} from '../../../tests/pipelines/programs.ts';
import { Crash, scientist, type World } from '../../../tests/pipelines/world.ts';

const LOST = 'InternalServerError: The job was lost.';
const policy = (extra: object = {}) => ({
  RetryPolicies: [{ ExceptionType: ['SageMaker.JOB_INTERNAL_ERROR'], IntervalSeconds: 10, MaxAttempts: 2, ...extra }],
});

async function fail(at: World, reason: string): Promise<string> {
  const [name] = at.running();
  await at.end(name!, 'Failed', reason);
  await at.loop.idle();
  return name!;
}

async function pass(at: World, ms: number): Promise<void> {
  at.clock.advance(ms);
  await at.loop.idle();
}

test('a lost job is made again under a new name, after growing waits, as often as the policy says', async () => {
  const at = await world();
  await create(at, [processing('A', policy())]);
  const arn = await start(at);
  const first = await fail(at, LOST);
  assert.deepEqual(at.running(), []);
  const [waiting] = await steps(at, arn);
  assert.deepEqual([waiting!.StepStatus, waiting!.AttemptCount, waiting!.FailureReason], ['Starting', 2, undefined]);
  await pass(at, 9_999);
  assert.deepEqual(at.running(), [], 'not before its time');
  await pass(at, 1);
  const second = await fail(at, LOST);
  assert.notEqual(second, first);
  await pass(at, 20_000);
  const third = await fail(at, LOST);
  assert.equal(new Set([first, second, third]).size, 3);
  const [failed] = await steps(at, arn);
  assert.deepEqual([failed!.StepStatus, failed!.AttemptCount, failed!.FailureReason], ['Failed', 3, LOST]);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Failed');
});

test('a failure counts once, also when somebody changes the execution just then', async () => {
  const at = await world();
  await create(at, [processing('A', policy())]);
  const arn = await start(at);
  const name = arn.slice(arn.indexOf('pipeline/') + 'pipeline/'.length).toLowerCase();
  const [, , , region = '', account = ''] = arn.split(':');
  const row = await at.store.get({ account, region, kind: 'PipelineExecution', name });
  let commits = 0;
  at.fault = (point) => {
    // the job's end is the first
    if (point === 'before commit' && ++commits === 2) void at.store.commit({ expect: [], write: [row!] });
  };
  await fail(at, LOST);
  assert.equal((await at.store.get(row!.key))?.version, row!.version + 1);
  assert.equal((await steps(at, arn))[0]!.AttemptCount, 2);
});

test('what no policy covers fails at once; a retry that succeeds leaves no failure', async () => {
  const at = await world();
  await create(at, [processing('A', policy()), processing('B', { DependsOn: ['A'] })]);
  const arn = await start(at);
  await fail(at, LOST);
  await pass(at, 10_000);
  await endAll(at);
  const listed = await steps(at, arn);
  assert.deepEqual(
    listed.map(({ StepName, StepStatus, AttemptCount, FailureReason }) => [StepName, StepStatus, AttemptCount, FailureReason]),
    [
      ['A', 'Succeeded', 2, undefined],
      ['B', 'Succeeded', 1, undefined],
    ],
  );
  assert.equal((await describe(at, arn)).FailureReason, undefined);
  const other = await start(at, { ClientRequestToken: token('2') });
  await fail(at, 'AlgorithmError: no, exit code: 1');
  assert.deepEqual(await statuses(at, other), { A: 'Failed' });
});

test('a server that dies while an attempt waits, or around its begin, makes each job once', async () => {
  for (const point of [
    '',
    'before commit',
    'after commit',
    'before sagemaker:CreateProcessingJob',
    'after sagemaker:CreateProcessingJob',
  ]) {
    const at = await world();
    await create(at, [processing('A', policy())]);
    const arn = await start(at);
    await fail(at, LOST);
    if (point !== '') {
      let armed = true;
      at.fault = (now) => {
        if (!armed || now !== point) return;
        armed = false;
        throw new Crash(point);
      };
    }
    await pass(at, point === '' ? 5_000 : 10_000);
    at.fault = () => {};
    await at.restart();
    await at.loop.idle();
    if (point === '') {
      assert.deepEqual(at.running(), [], 'a restart does not shorten the wait');
      await pass(at, 5_000);
    }
    assert.equal(at.running().length, 1, point);
    assert.equal(at.jobs.size, 2, point);
    await endAll(at);
    assert.deepEqual([(await steps(at, arn))[0]!.AttemptCount, await statuses(at, arn)], [2, { A: 'Succeeded' }]);
  }
});

test('a stop while an attempt waits ends it; nothing begins later', async () => {
  const at = await world();
  await create(at, [processing('A', policy())]);
  const arn = await start(at);
  await fail(at, LOST);
  await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
  await at.loop.idle();
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Stopped');
  await pass(at, 60_000);
  assert.equal(at.jobs.size, 1);
});

test('calls that are throttled: waited out without a policy, by the policy where there is one', async () => {
  const throttled = () => {
    throw new ServiceError('ThrottlingException', 'Rate exceeded');
  };
  const at = await world();
  const throttling = { RetryPolicies: [{ ExceptionType: ['Step.THROTTLING'], IntervalSeconds: 5, MaxAttempts: 1 }] };
  await create(at, [processing('A', throttling)]);
  const arn = await start(at, { ClientRequestToken: token('0') }).catch(() => '');
  await endAll(at);
  assert.deepEqual(await statuses(at, arn), { A: 'Succeeded' });
  at.fault = (point) => (point === 'before sagemaker:CreateProcessingJob' ? throttled() : undefined);
  const second = await start(at, { ClientRequestToken: token('1') });
  assert.deepEqual([(await steps(at, second))[0]!.StepStatus, (await steps(at, second))[0]!.AttemptCount], ['Starting', 2]);
  await pass(at, 5_000);
  const [failed] = await steps(at, second);
  assert.deepEqual([failed!.StepStatus, failed!.AttemptCount], ['Failed', 2]);
  assert.match(failed!.FailureReason!, /Rate exceeded/);
  await create(at, [processing('A')], {}, { PipelineName: 'Q', ClientRequestToken: token('q') });
  const waits = await start(at, { PipelineName: 'Q', ClientRequestToken: token('2') });
  assert.deepEqual(await statuses(at, waits), { A: 'Starting' });
  at.fault = () => {};
  await pass(at, 10 * 60_000);
  await endAll(at);
  assert.deepEqual(await statuses(at, waits), { A: 'Succeeded' });
});

const retry = (at: World, arn: string, input: object = {}, principal = undefined as typeof scientist | undefined) =>
  at.call('sagemaker:RetryPipelineExecution', { PipelineExecutionArn: arn, ...input }, principal);

test('a retried execution goes on: what succeeded stays, what failed and what it held back runs', async () => {
  const at = await world();
  await create(at, [
    processing('A'),
    processing('B', { DependsOn: ['A'] }),
    processing('C', { DependsOn: ['B'] }),
    processing('D'),
  ]);
  const arn = await start(at, { ParallelismConfiguration: { MaxParallelExecutionSteps: 2 } });
  for (const name of at.running()) await at.end(name);
  await at.loop.idle();
  const failedJob = await fail(at, 'AlgorithmError: no, exit code: 1');
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Failed');
  const before = await steps(at, arn);
  await retry(at, arn, { ClientRequestToken: token('r'), ParallelismConfiguration: { MaxParallelExecutionSteps: 1 } });
  await at.loop.idle();
  const now = await describe(at, arn);
  assert.deepEqual(
    [now.PipelineExecutionStatus, now.FailureReason, now.ParallelismConfiguration],
    ['Executing', undefined, { MaxParallelExecutionSteps: 1 }],
  );
  assert.equal(at.running().length, 1);
  assert.notEqual(at.running()[0], failedJob);
  assert.deepEqual(
    await retry(at, arn, { ClientRequestToken: token('r'), ParallelismConfiguration: { MaxParallelExecutionSteps: 1 } }),
    {
      PipelineExecutionArn: arn,
    },
  );
  await assert.rejects(
    retry(at, arn, { ClientRequestToken: token('other') }),
    refused('ConflictException', /is in status Executing/),
  );
  await assert.rejects(retry(at, arn, { ClientRequestToken: token('r') }), refused('ConflictException', /already used/));
  await at.restart();
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  const after = await steps(at, arn);
  assert.deepEqual(Object.keys(await statuses(at, arn)).sort(), ['A', 'B', 'C', 'D']);
  for (const name of ['A', 'D']) {
    const of = (list: typeof after) => list.find(({ StepName }) => StepName === name);
    assert.deepEqual(of(after), of(before), `${name} did not run again`);
  }
  assert.equal(at.jobs.size, 5);
  await assert.rejects(retry(at, arn), refused('ConflictException', /Succeeded/));
});

test('a retry of a stopped execution, several times, and killed in between', async () => {
  const at = await world();
  await create(at, [processing('A'), processing('B')]);
  const arn = await start(at);
  await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
  await at.loop.idle();
  for (let round = 1; round <= 3; round++) {
    await retry(at, arn);
    await at.restart();
    await at.loop.idle();
    assert.equal(at.running().length, 2, `round ${round}`);
    assert.equal(at.jobs.size, 2 * (round + 1));
    await at.call('sagemaker:StopPipelineExecution', { PipelineExecutionArn: arn });
    await at.loop.idle();
    assert.deepEqual(await statuses(at, arn), { A: 'Stopped', B: 'Stopped' });
  }
  await retry(at, arn);
  await at.loop.idle();
  await endAll(at);
  assert.deepEqual(await statuses(at, arn), { A: 'Succeeded', B: 'Succeeded' });
});

test('what a Fail step ended is not retried; who retries needs the right to', async () => {
  const at = await world();
  const condition = {
    Name: 'C',
    Type: 'Condition',
    Arguments: {
      Conditions: [{ Type: 'Equals', LeftValue: 1, RightValue: 1 }],
      IfSteps: [{ Name: 'F', Type: 'Fail', Arguments: { ErrorMessage: 'too bad' } }],
      ElseSteps: [],
    },
  };
  await create(at, [condition, processing('A')]);
  const arn = await start(at);
  await fail(at, 'AlgorithmError: no');
  await assert.rejects(retry(at, arn), refused('ConflictException', /Fail step 'F'/));
  await assert.rejects(retry(at, arn, {}, scientist), refused('AccessDeniedException', /RetryPipelineExecution/));
});

test('who retries answers for what runs then: without the right to approve, nothing is registered as Approved', async () => {
  const at = await world();
  const register = {
    Name: 'R',
    Type: 'RegisterModel',
    DependsOn: ['A'],
    Arguments: { ModelPackageGroupName: 'g', ModelApprovalStatus: 'Approved' },
  };
  await create(at, [processing('A'), register]);
  const Action = ['sagemaker:RetryPipelineExecution', 'sagemaker:CreateModelPackage'];
  at.policies.set('scientist', [{ Statement: { Effect: 'Allow', Action, Resource: '*' } }]);
  const arn = await start(at);
  await fail(at, 'AlgorithmError: no');
  await retry(at, arn, { ClientRequestToken: token('1') }, scientist);
  await at.loop.idle();
  await endAll(at);
  assert.match(
    (await steps(at, arn)).at(-1)!.FailureReason!,
    /scientist is not authorized to perform: sagemaker:UpdateModelPackage/,
  );
  assert.equal(at.packages.length, 0);
  await retry(at, arn, { ClientRequestToken: token('2') });
  await at.loop.idle();
  assert.deepEqual([(await describe(at, arn)).PipelineExecutionStatus, at.packages.length], ['Succeeded', 1]);
});

test('of a ForEach step only the iterations that did not succeed run again, and take their cached results', async () => {
  const at = await world();
  const cached = { CacheConfig: { Enabled: true, ExpireAfter: '30d' } };
  const item = { Environment: { ITEM: { Get: 'ForEach.CurrentItem' } } };
  const forEach = {
    Name: 'Each',
    Type: 'ForEach',
    Arguments: { IterableItems: ['x', 'y', 'z'], MaxConcurrency: 3, ForEachBody: [processing('Inner', cached, item)] },
  };
  await create(at, [forEach, processing('Z', { DependsOn: ['Each'] })]);
  const arn = await start(at);
  for (const [position, name] of at.running().entries()) {
    if (position === 1) await at.end(name, 'Failed', 'AlgorithmError: no');
    else await at.end(name);
  }
  await at.loop.idle();
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Failed');
  await retry(at, arn);
  await at.loop.idle();
  assert.equal(at.running().length, 1);
  assert.match(at.running()[0]!, /-Inner-1-/);
  await at.restart();
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  assert.equal(at.jobs.size, 5);
  const again = await start(at, { ClientRequestToken: token('again') });
  await endAll(at);
  const hits = (await steps(at, again)).filter(({ CacheHitResult }) => CacheHitResult).map(({ StepName }) => StepName);
  assert.deepEqual(hits.sort(), ['Inner-0', 'Inner-1', 'Inner-2']);
});
