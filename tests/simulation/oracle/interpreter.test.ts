import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../../sdk/definition/index.ts';
import { checkExecution } from './check-execution.ts';
import { endsOf } from './ends.ts';
import { imagine } from './imagine.ts';
import { readProgram } from './program.ts';

/** Expectations here are derived by hand from AWS's documentation and our guide of pipeline steps, not from any run. */

const job = (Name: string, SIM_OUTCOME: Json = 'ok', DependsOn: Json[] = [], values: JsonObject = {}): JsonObject => ({
  Name,
  Type: 'Processing',
  Arguments: { Environment: { SIM_OUTCOME, ...values } },
  DependsOn,
});
const condition = (
  Name: string,
  LeftValue: Json,
  IfSteps: JsonObject[],
  ElseSteps: JsonObject[],
  DependsOn: Json[] = [],
): JsonObject => ({
  Name,
  Type: 'Condition',
  Arguments: { Conditions: [{ Type: 'Equals', LeftValue, RightValue: 1 }], IfSteps, ElseSteps },
  DependsOn,
});
const lambda = (Name: string, simReturns: JsonObject, more: JsonObject = {}): JsonObject => ({
  Name,
  Type: 'Lambda',
  FunctionArn: 'f',
  Arguments: { simOutcome: 'ok', simReturns, ...more },
  OutputParameters: [{ OutputName: 'score', OutputType: 'Float' }],
});
const each = (Name: string, IterableItems: Json, ForEachBody: JsonObject[], more: JsonObject = {}): JsonObject => ({
  Name,
  Type: 'ForEach',
  Arguments: { IterableItems, MaxConcurrency: 2, ForEachBody, ...more },
});
const fail = (Name: string): JsonObject => ({ Name, Type: 'Fail', Arguments: { ErrorMessage: 'no' } });
const on = (Step: string, Trigger: string): JsonObject => ({ Step, Trigger });
const read = (path: string): JsonObject => ({ Get: `Steps.${path}` });
const policy = (ExceptionType: string[], MaxAttempts?: number): JsonObject => ({
  RetryPolicies: [{ ExceptionType, ...(MaxAttempts !== undefined && { MaxAttempts }) }],
});

function told(steps: JsonObject[], parameters: Record<string, Json> = {}, circumstances = {}): string {
  const { ends, permitted } = imagine({ Version: '2020-12-01', Steps: steps }, parameters, circumstances);
  const said = Object.entries(ends).map(([name, end]) => `${name} ${end}`);
  return `${said.sort().join(', ')}: ${[...permitted].sort().join(' or ')}`;
}

test('what waits for a failed step does not run; what does not, runs', () => {
  const steps = [job('A', 'fail'), job('B', 'ok', ['A']), job('C'), job('D', 'ok', ['B', 'C'])];
  assert.equal(told(steps), 'A Failed, C Succeeded: Failed');
});

test('a diamond runs whole; reading a property is waiting for it', () => {
  const steps = [
    job('D', 'ok', [], { B: read('B.JobName'), C: read('C.JobName') }),
    job('B', 'ok', ['A']),
    job('C', 'ok', [], { A: read('A.JobName') }),
    job('A'),
  ];
  assert.equal(told(steps), 'A Succeeded, B Succeeded, C Succeeded, D Succeeded: Succeeded');
});

test('of a condition one branch runs; what depends on the other, wherever it stands, does not, and that is no failure', () => {
  const steps = [
    condition('C', 1, [job('If')], [job('Else')]),
    job('X', 'ok', ['If']),
    job('Y', 'ok', ['Else']),
    job('Z', 'ok', ['Y']),
  ];
  assert.equal(told(steps), 'C Succeeded, If Succeeded, X Succeeded: Succeeded');
});

test('what depends on a condition waits for its branch, and falls with it', () => {
  const steps = [condition('C', 1, [job('If', 'fail')], [job('Else')]), job('After', 'ok', ['C'])];
  assert.equal(told(steps), 'C Succeeded, If Failed: Failed');
  assert.equal(
    told([condition('C', 2, [job('If', 'fail')], []), job('After', 'ok', ['C'])]),
    'After Succeeded, C Succeeded: Succeeded',
  );
});

test('types that cannot be compared fail the condition', () => {
  assert.equal(told([condition('C', 'text', [job('If')], [])]), 'C Failed: Failed');
});

test('a Fail step fails the execution, and lets what runs beside it end', () => {
  assert.equal(told([condition('C', 1, [fail('F')], []), job('B')]), 'B Succeeded, C Succeeded, F Failed: Failed');
});

test('a failure that a step answers completes with failures; one that nothing answers, or whose answer fails, does not', () => {
  const answer = (outcome: string) => [job('A', 'fail'), job('B', outcome, [on('A', 'Failed')])];
  assert.equal(told(answer('ok')), 'A Failed, B Succeeded: CompletedWithFailures');
  assert.equal(told(answer('fail')), 'A Failed, B Failed: Failed');
  assert.equal(told([...answer('ok'), job('C', 'oom')]), 'A Failed, B Succeeded, C Failed: Failed');
  assert.equal(
    told([job('A'), job('B', 'ok', [on('A', 'Failed')]), job('C', 'ok', [on('A', 'Any')])]),
    'A Succeeded, C Succeeded: Succeeded',
  );
});

test('an answer that is not needed holds nobody up but who waits for it', () => {
  const inside = [job('A'), job('B', 'ok', [on('A', 'Failed')]), job('D', 'ok', ['B'])];
  const steps = [condition('C', 1, inside, []), job('After', 'ok', ['C'])];
  assert.equal(told(steps), 'A Succeeded, After Succeeded, C Succeeded: Succeeded');
});

test('lost jobs are made again as often as their policy says, others never', () => {
  const lost = (outcome: string, more: JsonObject) => told([{ ...job('A', outcome), ...more }]);
  const internal = ['SageMaker.JOB_INTERNAL_ERROR'];
  assert.equal(lost('lost-until-attempt-3', policy(internal, 2)), 'A Succeeded: Succeeded');
  assert.equal(lost('lost-until-attempt-3', policy(internal, 1)), 'A Failed: Failed');
  assert.equal(lost('lost-until-attempt-6', policy(internal)), 'A Succeeded: Succeeded');
  assert.equal(lost('lost-until-attempt-2', policy(['Step.THROTTLING'], 3)), 'A Failed: Failed');
  assert.equal(lost('fail-until-attempt-2', policy(internal, 3)), 'A Failed: Failed');
});

test('of an execution that is being stopped a lost job may have been the last attempt', () => {
  const lost = (outcome: string, stopped: boolean) => {
    const step = { ...job('A', outcome), ...policy(['SageMaker.JOB_INTERNAL_ERROR'], 2) };
    const program = readProgram({ Steps: [step] });
    const context = { rounds: 0, stopped, disturbed: false, document: () => ({}), program };
    return [...endsOf(program.get('A')!, step['Arguments'] as JsonObject, context).permitted];
  };
  assert.deepEqual(lost('lost-until-attempt-2', true), ['Succeeded', 'Failed']);
  assert.deepEqual(lost('lost-until-attempt-2', false), ['Succeeded']);
  assert.deepEqual(lost('ok', true), ['Succeeded']);
});

test('outputs have to be there in their type; later steps read them typed', () => {
  const score = read("L.OutputParameters['score']");
  const steps = (returned: JsonObject) => [lambda('L', returned), condition('C', score, [job('If')], [job('Else')])];
  assert.equal(told(steps({ score: '1' })), 'C Succeeded, If Succeeded, L Succeeded: Succeeded');
  assert.equal(told(steps({ score: 0 })), 'C Succeeded, Else Succeeded, L Succeeded: Succeeded');
  assert.equal(told(steps({ score: 'high' })), 'L Failed: Failed');
  assert.equal(told(steps({})), 'L Failed: Failed');
});

test('every item has its children; one that fails fails the step at the end and leaves the others running', () => {
  const body = [job('P', { Get: 'ForEach.CurrentItem' }), job('Q', 'ok', ['P'])];
  const steps = [each('E', { Get: 'Parameters.Items' }, body), job('After', 'ok', ['E'])];
  assert.equal(told(steps, { Items: '["ok","fail"]' }), 'E Failed, P-0 Succeeded, P-1 Failed, Q-0 Succeeded: Failed');
  assert.equal(told(steps, { Items: '[]' }), 'After Succeeded, E Succeeded: Succeeded');
  assert.equal(told(steps, { Items: 'no list' }), 'E Failed: Failed');
});

test('the best of the items is read like any output', () => {
  const body = [lambda('L', { score: { Get: 'ForEach.CurrentItem' } })];
  const Selector = { Pick: 'MaxBy', Field: { Get: "IterationOutput.L.OutputParameters['score']" } };
  const best = condition('C', read("E.Selected.OutputParameters['score']"), [job('If')], []);
  assert.match(told([each('E', [0.5, 1], body, { Selector }), best]), /If Succeeded/);
  assert.doesNotMatch(told([each('E', [0.5, 2], body, { Selector }), best]), /If Succeeded/);
});

test('a stop may come at any moment: what had not begun is absent, and the execution Stopped, unless all had ended before', () => {
  const { permitted } = imagine({ Version: '2020-12-01', Steps: [job('A')] }, {}, { stopped: true });
  assert.deepEqual([...permitted].sort(), ['Stopped', 'Succeeded']);
});

test('what was stopped in an earlier round, and has not been asked for since, does not make a retried execution Stopped', () => {
  const steps = [job('A', 'fail-until-attempt-2'), job('B', 'ok', [on('A', 'Failed')]), job('C', 'ok', ['B'])];
  const said = (ofA: string, status: string) =>
    checkExecution(
      {
        execution: { PipelineExecutionStatus: status, PipelineExecutionArn: 'arn:p/execution/e' },
        definition: { Version: '2020-12-01', Steps: steps },
        parameters: [],
        steps: [
          { StepName: 'A', StepStatus: ofA, StartTime: 3, EndTime: 4 },
          { StepName: 'B', StepStatus: 'Stopped', StartTime: 1, EndTime: 2 },
        ],
        documents: new Map(),
      },
      { rounds: 1, stopped: true },
    );
  assert.deepEqual(said('Succeeded', 'Succeeded'), []);
  assert.deepEqual(said('Failed', 'Succeeded'), [
    'the execution is Succeeded, but may be CompletedWithFailures or Failed or Stopped',
  ]);
});

test('an answer that failed in an earlier round holds nobody up in a round that did not need it', () => {
  const branch = [
    job('A', 'fail-until-attempt-2'),
    job('B', 'fail', [on('A', 'Failed')]),
    job('D', 'fail', [on('B', 'Failed')]),
    job('E', 'ok', ['B']),
  ];
  const steps = [condition('C', 1, branch, []), job('After', 'ok', ['C'])];
  const said = (status: string, ...ends: (readonly [name: string, status: string])[]) =>
    checkExecution(
      {
        execution: { PipelineExecutionStatus: status, PipelineExecutionArn: 'arn:p/execution/e' },
        definition: { Version: '2020-12-01', Steps: steps },
        parameters: [],
        steps: [['C', 'Succeeded'] as const, ...ends].map(([StepName, StepStatus]) => {
          const Metadata = { Condition: { Outcome: 'True' } };
          return { StepName, StepStatus, StartTime: 1, EndTime: 2, ...(StepName === 'C' && { Metadata }) };
        }),
        documents: new Map(),
      },
      { rounds: 1 },
    );
  const past = [['B', 'Failed'] as const, ['D', 'Failed'] as const];
  assert.deepEqual(said('Succeeded', ['A', 'Succeeded'], ...past, ['After', 'Succeeded']), []);
  assert.deepEqual(said('Succeeded', ['A', 'Succeeded'], ...past), ['step After is absent, but may be Succeeded']);
  // asked for again, it does
  assert.deepEqual(said('Failed', ['A', 'Failed'], ...past), []);
  assert.deepEqual(said('Failed', ['A', 'Failed'], ...past, ['After', 'Succeeded']), [
    'step After is Succeeded, but may be absent',
  ]);
});
