import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/platform/json.ts';
import { checkExecutionsEndWhole } from './executions-end-whole.ts';
import { checkParallelSteps } from './parallel-steps.ts';
import { checkRetryPolicies } from './retry-policies.ts';
import { checkStatusTransitions } from './status-transitions.ts';
import { checkStepEffectsOnce } from './step-effects-once.ts';
import { checkStepOrder } from './step-order.ts';
import { checkStepsStayEnded } from './steps-stay-ended.ts';
import { checkStopWins } from './stop-wins.ts';
import {
  definition,
  entry,
  EXECUTION,
  EXECUTION_ARN,
  execution,
  key,
  step,
  type WatchedDisk,
  watchDisk,
} from './watched-disk.ts';

const says = (problems: readonly string[], what: RegExp) => {
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0] as string, what);
};
const silent = (problems: readonly string[]) => assert.deepEqual(problems, []);

const training = (name: string, more: JsonObject = {}): JsonObject => ({ Name: name, Type: 'Training', Arguments: {}, ...more });

/** One step more, or one on. */
const go = ({ commit }: WatchedDisk, name: string, status: string, more: JsonObject = {}) =>
  commit({ rows: [[step(name), { status, attemptCount: 1, ...more }]] });

test('statuses: what has ended stays so, and nothing skips what must be between', () => {
  const reached: string[] = [];
  const { commit } = watchDisk(() => checkStatusTransitions((kind, transition) => reached.push(`${kind} ${transition}`)));
  const job = key('TrainingJob', 'j');
  silent(commit({ rows: [[job, { status: 'InProgress' }]] }));
  silent(commit({ rows: [[job, { status: 'InProgress', note: 1 }]] }));
  silent(commit({ rows: [[job, { status: 'Completed' }]] }));
  says(commit({ rows: [[job, { status: 'InProgress' }]] }), /TrainingJob j went from Completed to InProgress/);
  says(commit({ rows: [[job, undefined]] }), /InProgress to absent/);
  says(commit({ rows: [[key('Endpoint', 'e'), { EndpointStatus: 'InService' }]] }), /absent to InService/);
  silent(commit({ rows: [[key('ModelPackage', 'g/1'), { ModelPackageStatus: 'Completed' }]] }));
  says(commit({ rows: [[key('ModelPackage', 'g/1'), { ModelPackageStatus: 'Pending' }]] }), /Completed to Pending/);
  silent(commit({ rows: [[EXECUTION, execution('Executing')]] }));
  silent(commit({ rows: [[EXECUTION, execution('Stopping')]] }));
  says(commit({ rows: [[EXECUTION, execution('Succeeded')]] }), /Stopping to Succeeded/);
  assert.deepEqual(reached.slice(0, 2), ['TrainingJob absent → InProgress', 'TrainingJob InProgress → Completed']);
});

test('steps: an ended one begins again only in a retried execution, a running one only as another attempt', () => {
  const world = watchDisk(() => checkStepsStayEnded());
  world.commit({ rows: [[EXECUTION, execution('Executing')]] });
  go(world, 'A', 'Executing');
  says(go(world, 'A', 'Starting'), /starts again with attempt 1 after 1/);
  go(world, 'A', 'Executing');
  silent(go(world, 'A', 'Starting', { attemptCount: 2 }));
  silent(go(world, 'A', 'Failed'));
  says(go(world, 'A', 'Starting'), /had ended Failed and is Starting/);
  const other = watchDisk(() => checkStepsStayEnded());
  other.commit({ rows: [[EXECUTION, execution('Executing')]] });
  go(other, 'A', 'Failed');
  other.commit({ rows: [[EXECUTION, execution('Failed')]] });
  other.commit({ rows: [[EXECUTION, execution('Executing')]] });
  silent(go(other, 'A', 'Starting'));
});

test('order: a step waits for whom it names and refers to', () => {
  const world = watchDisk(checkStepOrder);
  const input = { Channel: { Uri: { 'Std:Join': { On: '', Values: ['s3://', { Get: 'Steps.A.ModelArtifacts' }] } } } };
  world.commit({
    rows: [
      [EXECUTION, execution('Executing')],
      definition(training('A'), training('B', { Arguments: input }), training('C', { DependsOn: ['B'] })),
    ],
  });
  silent(go(world, 'A', 'Starting'));
  says(go(world, 'B', 'Starting'), /B begins, but A is Starting/);
  silent(go(world, 'B', 'Executing'));
  says(go(world, 'C', 'Failed'), /C begins, but B is Executing/);
  go(world, 'B', 'Failed');
  says(go(world, 'D', 'Starting'), /D is no step of its definition/);
});

test('order: triggers ask for the end they name', () => {
  const world = watchDisk(checkStepOrder);
  const after = (name: string, trigger: string) => training(name, { DependsOn: [{ Step: 'A', Trigger: trigger }] });
  world.commit({
    rows: [
      [EXECUTION, execution('Executing')],
      definition(training('A'), after('OnFailed', 'Failed'), after('OnStopped', 'Stopped'), after('OnAny', 'Any')),
    ],
  });
  go(world, 'A', 'Starting');
  says(go(world, 'OnAny', 'Starting'), /OnAny begins, but A is Starting/);
  go(world, 'A', 'Failed');
  silent(go(world, 'OnFailed', 'Starting'));
  says(go(world, 'OnStopped', 'Starting'), /OnStopped begins, but A is Failed/);
});

test('order: a branch needs its outcome, a repeated step its ForEach and its own item', () => {
  const world = watchDisk(checkStepOrder);
  const branches = { Conditions: [], IfSteps: [training('If')], ElseSteps: [training('Else')] };
  const body = {
    IterableItems: ['a', 'b'],
    MaxConcurrency: 2,
    ForEachBody: [training('X'), training('Y', { DependsOn: ['X'] })],
  };
  world.commit({
    rows: [
      [EXECUTION, execution('Executing')],
      definition({ Name: 'When', Type: 'Condition', Arguments: branches }, { Name: 'Each', Type: 'ForEach', Arguments: body }),
    ],
  });
  says(go(world, 'If', 'Succeeded'), /on the True branch of When, which is not there/);
  silent(go(world, 'When', 'Succeeded', { metadata: { Condition: { Outcome: 'False' } } }));
  silent(go(world, 'Else', 'Starting'));
  world.commit({ rows: [[step('If'), undefined]] });
  says(go(world, 'If', 'Starting'), /on the True branch of When, which is Succeeded with False/);
  says(go(world, 'X-0', 'Starting'), /Each, which repeats it, is not there/);
  silent(go(world, 'Each', 'Executing'));
  silent(go(world, 'X-1', 'Starting'));
  go(world, 'X-0', 'Succeeded');
  silent(go(world, 'Y-0', 'Starting'));
  says(go(world, 'Y-1', 'Starting'), /Y-1 begins, but X is Starting/);
  says(go(world, 'X', 'Starting'), /X is no step of its definition/);
});

test('order: steps that a selective execution does not run are no concern of it', () => {
  const world = watchDisk(checkStepOrder);
  world.commit({
    rows: [
      [EXECUTION, execution('Executing', { selective: { steps: ['B'] } })],
      definition(training('A'), training('B', { DependsOn: ['A'] })),
    ],
  });
  silent(go(world, 'B', 'Starting'));
});

test('stop: nothing begins in what is being stopped, and whoever was told so finds it so', () => {
  const world = watchDisk(checkStopWins);
  const stopped = () => {
    world.safety.asked('sagemaker:StopPipelineExecution', { PipelineExecutionArn: EXECUTION_ARN })({});
    return world.said();
  };
  world.commit({ rows: [[EXECUTION, execution('Executing')]] });
  silent(go(world, 'A', 'Executing'));
  says(stopped(), /is Executing after its stop was acknowledged/);
  world.commit({ rows: [[EXECUTION, execution('Stopping')]] });
  silent(stopped());
  silent(go(world, 'A', 'Stopping'));
  says(go(world, 'B', 'Starting'), /B goes from absent to Starting though its execution is Stopping/);
  says(go(world, 'C', 'Succeeded'), /C goes from absent to Succeeded/);
  silent(
    world.commit({
      rows: [
        [step('A'), { status: 'Stopped' }],
        [EXECUTION, execution('Stopped')],
      ],
    }),
  );
  says(go(world, 'A', 'Starting'), /A goes from Stopped to Starting though its execution is Stopped/);
});

test('stop: an attempt more is a beginning, the last step of an execution that ends with it is none too many', () => {
  const world = watchDisk(checkStopWins);
  world.commit({ rows: [[EXECUTION, execution('Executing')]] });
  go(world, 'A', 'Executing');
  silent(
    world.commit({
      rows: [
        [step('Fail'), { status: 'Failed' }],
        [EXECUTION, execution('Failed')],
      ],
    }),
  );
  world.commit({ rows: [[EXECUTION, execution('Stopping')]] });
  says(go(world, 'A', 'Starting', { attemptCount: 2 }), /Executing to Starting/);
  const job = key('TrainingJob', 'j');
  world.commit({ rows: [[job, { status: 'InProgress' }]] });
  world.safety.asked('sagemaker:StopTrainingJob', { TrainingJobName: 'j' })({});
  says(world.said(), /TrainingJob j is InProgress after its stop/);
});

test('ends: an execution ends after its steps and as they did', () => {
  const world = watchDisk(checkExecutionsEndWhole);
  const end = (status: string) => {
    world.commit({ rows: [[EXECUTION, execution('Executing')]] });
    return world.commit({ rows: [[EXECUTION, execution(status)]] });
  };
  go(world, 'A', 'Executing');
  says(end('Stopped'), /Stopped, but PipelineExecutionStep p\/execution\/1\/A is Executing/);
  go(world, 'A', 'Succeeded');
  silent(end('Succeeded'));
  says(end('Failed'), /is Failed with steps Succeeded/);
  go(world, 'B', 'Failed');
  says(end('Succeeded'), /is Succeeded with steps Succeeded, Failed/);
  silent(end('CompletedWithFailures'));
});

test('parallel: no more steps than allowed, in all and around a ForEach', () => {
  const world = watchDisk(checkParallelSteps);
  const body = { IterableItems: ['a', 'b'], MaxConcurrency: 1, ForEachBody: [training('X')] };
  world.commit({
    rows: [
      [EXECUTION, execution('Executing', { maxParallelSteps: 2 })],
      definition(training('A'), training('B'), training('C'), { Name: 'Each', Type: 'ForEach', Arguments: body }),
    ],
  });
  silent(go(world, 'Each', 'Executing'));
  silent(go(world, 'X-0', 'Starting'));
  says(go(world, 'X-1', 'Starting'), /2th of at most 1 children of Each/);
  go(world, 'X-1', 'Failed');
  silent(go(world, 'A', 'Executing'));
  says(go(world, 'B', 'Starting'), /3th of at most 2 steps/);
});

test('effects: as many as attempts, and none outside of them', () => {
  const world = watchDisk(checkStepEffectsOnce);
  const make = (name: string) =>
    world.commit({ ledger: [entry('sagemaker:CreateTrainingJob', 'arn:job', { requestId: `${EXECUTION_ARN}#${name}` })] });
  world.commit({ rows: [[EXECUTION, execution('Executing')]] });
  says(make('B').slice(0, 1), /done 1 times \(arn:job\) for 0 attempts/);
  go(world, 'A', 'Starting');
  silent(make('A'));
  silent(go(world, 'A', 'Executing'));
  says(make('A'), /CreateTrainingJob was done 2 times \(arn:job\) for 1 attempts/);
  const other = watchDisk(checkStepEffectsOnce);
  other.commit({ rows: [[EXECUTION, execution('Executing')]] });
  go(other, 'A', 'Starting');
  go(other, 'A', 'Starting', { attemptCount: 2 });
  silent(other.commit({ ledger: [entry('sagemaker:CreateModel', 'arn:m', { requestId: `${EXECUTION_ARN}#A` })] }));
  go(other, 'A', 'Stopped');
  const late = other.commit({ ledger: [entry('sagemaker:CreateModel', 'arn:m', { requestId: `${EXECUTION_ARN}#A` })] });
  says(late, /though PipelineExecutionStep p\/execution\/1\/A is Stopped/);
});

test('retries: as many as the policies say, and not before their time', () => {
  let now = 0;
  const world = watchDisk(checkRetryPolicies, { nowMs: () => now });
  const policies = [{ ExceptionType: ['Step.THROTTLING'], MaxAttempts: 2, IntervalSeconds: 10 }];
  world.commit({
    rows: [[EXECUTION, execution('Executing')], definition(training('A', { RetryPolicies: policies }), training('B'))],
  });
  const make = () => world.commit({ ledger: [entry('sagemaker:CreateTrainingJob', 'arn', { requestId: `${EXECUTION_ARN}#A` })] });
  go(world, 'A', 'Executing');
  silent(make());
  silent(go(world, 'A', 'Starting', { attemptCount: 2 }));
  now = 9_999;
  says(make(), /CreateTrainingJob for A at 9999, its next attempt begins at 10000/);
  now = 10_000;
  silent(make());
  silent(go(world, 'A', 'Starting', { attemptCount: 3 }));
  says(go(world, 'A', 'Starting', { attemptCount: 4 }), /A has attempt 4, its policies allow 3/);
  go(world, 'A', 'Stopped', { attemptCount: 4 });
  go(world, 'A', 'Starting', { attemptCount: 1 });
  silent(make());
  go(world, 'B', 'Executing');
  says(go(world, 'B', 'Starting', { attemptCount: 2 }), /B has attempt 2, its policies allow 1/);
});
