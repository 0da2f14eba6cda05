import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../../src/platform/json.ts';
import { entry, key, type WatchedDisk, watchDisk } from '../../checks/watched-disk.ts';
import { Asked } from '../answers.ts';
import { checkAnswersCount } from './answers-count.ts';
import { checkClosedStages } from './closed-stages.ts';
import { checkEffectsOnce } from './effects-once.ts';
import { checkNothingBehindTheEnd } from './nothing-behind-the-end.ts';
import { checkStagesByTurns } from './stages-by-turns.ts';
import { checkStagesInOrder } from './stages-in-order.ts';
import { checkStartedIsThere } from './started-is-there.ts';
import { checkToldAsTheyAre } from './told-as-they-are.ts';

const says = (problems: readonly string[], what: RegExp) => {
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0] as string, what);
};
const silent = (problems: readonly string[]) => assert.deepEqual(problems, []);

const ARN = 'arn:aws:codepipeline:us-east-1:123456789012:p';
const PIPELINE = 'p@1';
const declared = (name: string, provider: string, runOrder = 1): JsonObject => ({
  name,
  runOrder,
  actionTypeId: { provider, category: 'Invoke', owner: 'AWS', version: '1' },
});
const STRUCTURE: JsonObject = {
  name: 'p',
  stages: [
    { name: 'Source', actions: [declared('Get', 'S3')] },
    { name: 'Work', actions: [declared('Call', 'Lambda'), declared('Deploy', 'SageMakerEndpoint', 2)] },
    { name: 'Ask', actions: [declared('Approve', 'Manual')] },
  ],
};

const named = (id: string) => key('CodePipelineExecution', `${PIPELINE}/${id}`);
const action = (stage: string, name: string, status: string, more: JsonObject = {}): JsonObject => ({
  id: `${stage}-${name}`,
  stage,
  name,
  status,
  ...more,
});
const stage = (name: string, status = 'InProgress', attempt = 1): JsonObject => ({ name, status, attempt });
const delivery = (id: string, more: JsonObject = {}): JsonObject => ({
  pipelineName: 'p',
  pipelineArn: ARN,
  executionId: id,
  number: Number(id),
  version: 1,
  mode: 'QUEUED',
  type: 'STANDARD',
  status: 'InProgress',
  stage: 0,
  place: 'waiting',
  stages: [],
  actions: [],
  earlier: [],
  inherited: [],
  ...more,
});

/** A pipeline of three stages. */
const begin = (make: Parameters<typeof watchDisk>[0]): WatchedDisk => {
  const world = watchDisk(make);
  world.commit({ rows: [[key('CodePipelineVersion', `${PIPELINE}/1`), { declaration: STRUCTURE }]] });
  return world;
};
const inSource = { place: 'inside', stages: [stage('Source')], actions: [action('Source', 'Get', 'InProgress')] };
const GOT = action('Source', 'Get', 'Succeeded');
const inWork = { stage: 1, place: 'inside', stages: [stage('Source', 'Succeeded'), stage('Work')] };

test('no stage before the one in front of it, no action before those of lower order', () => {
  const { commit } = begin(checkStagesInOrder);
  silent(commit({ rows: [[named('1'), delivery('1', inSource)]] }));
  says(
    commit({ rows: [[named('1'), delivery('1', { ...inWork, actions: [action('Source', 'Get', 'Failed')] })]] }),
    /comes to Work, but Get of Source/,
  );
  const early = [GOT, action('Work', 'Call', 'InProgress'), action('Work', 'Deploy', 'InProgress')];
  says(
    commit({ rows: [[named('1'), delivery('1', { ...inWork, actions: early })]] }),
    /begins Deploy, but Call before it did not succeed/,
  );
  const strange = [GOT, action('Work', 'Other', 'InProgress')];
  says(commit({ rows: [[named('2'), delivery('2', { ...inWork, actions: strange })]] }), /which its structure does not have/);
});

test('one in a stage at a time, in the order of their start; only a newer one supersedes', () => {
  const { commit } = begin(checkStagesByTurns);
  silent(commit({ rows: [[named('2'), delivery('2', inSource)]] }));
  silent(commit({ rows: [[named('3'), delivery('3', { ...inSource, mode: 'PARALLEL' })]] }));
  const problems = commit({ rows: [[named('1'), delivery('1', inSource)]] });
  assert.equal(problems.length, 2);
  assert.match(problems.join(), /is in Source together with delivery 2/);
  assert.match(problems.join(), /enters Source after number 2/);
  silent(commit({ rows: [[named('4'), delivery('4')]] }));
  says(commit({ rows: [[named('4'), delivery('4', { status: 'Superseded' })]] }), /is superseded.*though nothing newer/);
  silent(
    commit({
      rows: [
        [named('6'), delivery('6', { mode: 'SUPERSEDED' })],
        [named('5'), delivery('5')],
      ],
    }),
  );
  silent(commit({ rows: [[named('5'), delivery('5', { status: 'Superseded' })]] }));
});

test('a closed stage is entered by nobody', () => {
  const { commit } = begin(checkClosedStages);
  commit({ rows: [[key('CodePipelineLine', PIPELINE), { transitions: { Work: { enabled: false }, Ask: { enabled: true } } }]] });
  silent(commit({ rows: [[named('1'), delivery('1', inSource)]] }));
  says(commit({ rows: [[named('1'), delivery('1', { ...inWork, actions: [GOT] })]] }), /enters Work, which is closed/);
});

test('an approval and a job end by an answer that was given, and as it says', () => {
  const asked = new Asked();
  const world = begin((watched) => checkAnswersCount(watched, asked));
  const { commit, safety, said } = world;
  const asks = (status: string, more: JsonObject = {}) => action('Ask', 'Approve', status, { token: 't', ...more });
  const row = (actions: JsonObject[]) => ({
    rows: [[named('1'), delivery('1', { stage: 2, place: 'inside', actions })] as const],
  });
  const answered = { ledger: [entry('codepipeline:PutApprovalResult', ARN)] };
  commit(row([asks('InProgress')]));
  says(commit({ ...row([asks('Succeeded')]), ...answered }), /Approve .* is Succeeded without an answer/);
  commit(row([asks('InProgress')]));
  asked.add('t', 'Rejected');
  says(commit({ ...row([asks('Succeeded')]), ...answered }), /Succeeded without an answer/);
  commit(row([asks('InProgress')]));
  says(commit(row([asks('Failed')])), /Failed without an answer/);
  commit(row([asks('InProgress')]));
  silent(commit({ ...row([asks('Failed')]), ...answered }));
  safety.asked('codepipeline:PutApprovalResult', { token: 't', result: { status: 'Approved' } })({});
  says(said(), /is Failed, though Succeeded was acknowledged/);
  commit(row([asks('InProgress')]));
  silent(commit(row([asks('Failed', { error: { code: 'TimeoutError' } })])));
  commit({
    rows: [
      [key('CodePipelineJob', 'j'), { actionId: 'Work-Call' }],
      [named('2'), delivery('2', { ...inWork, actions: [action('Work', 'Call', 'InProgress')] })],
    ],
  });
  const done = {
    rows: [[named('2'), delivery('2', { ...inWork, actions: [action('Work', 'Call', 'Succeeded')] })] as const],
    ledger: [entry('codepipeline:PutJobSuccessResult', ARN)],
  };
  says(commit(done), /Call .* is Succeeded without an answer/);
  commit({ rows: [[named('2'), delivery('2', { ...inWork, actions: [action('Work', 'Call', 'InProgress')] })]] });
  asked.add('j', 'success');
  silent(commit(done));
});

test('an attempt starts one execution and deploys once; a deployment that succeeded is served', () => {
  const { commit } = begin(checkEffectsOnce);
  const deploying = (status: string) =>
    delivery('1', {
      ...inWork,
      actions: [GOT, action('Work', 'Deploy', status, { outputVariables: { EndpointConfigName: 'live-1' } })],
    });
  commit({ rows: [[named('1'), deploying('InProgress')]] });
  const started = { description: 'codepipeline/p 1' };
  says(commit({ rows: [[key('PipelineExecution', 'm/execution/1'), started]] }), /started 1 executions in 0 attempts/);
  const deployed = { ledger: [entry('sagemaker:UpdateEndpoint', 'live', { changes: { EndpointConfigName: [null, 'live-1'] } })] };
  silent(commit(deployed));
  says(commit(deployed), /live-1 was deployed 2 times/);
  says(commit({ rows: [[named('1'), deploying('Succeeded')]] }), /succeeded, and live-1 was never in service/);
  commit({ rows: [[named('1'), deploying('InProgress')]] });
  commit({ rows: [[key('Endpoint', 'live'), { EndpointStatus: 'InService', serving: { configName: 'live-1' } }]] });
  silent(commit({ rows: [[named('1'), deploying('Succeeded')]] }));
});

test('what is being stopped begins nothing; what has ended stays so until a retry', () => {
  const { commit, safety, said } = begin(checkNothingBehindTheEnd);
  const stopping = { ...inWork, actions: [GOT], status: 'Stopping' };
  commit({ rows: [[named('1'), delivery('1', stopping)]] });
  const more = { actions: [GOT, action('Work', 'Call', 'InProgress')] };
  says(commit({ rows: [[named('1'), delivery('1', { ...stopping, ...more })]] }), /is Stopping and begins Call/);
  says(commit({ rows: [[named('1'), delivery('1', { ...inWork, ...more })]] }), /goes on though it was Stopping/);
  commit({ rows: [[named('2'), delivery('2', { ...inWork, actions: [GOT] })]] });
  safety.asked('codepipeline:StopPipelineExecution', { pipelineExecutionId: '2' })({});
  says(said(), /delivery 2 of p is InProgress after its stop was acknowledged/);
  commit({ rows: [[named('3'), delivery('3', { ...inWork, actions: [GOT], status: 'Failed' })]] });
  says(
    commit({ rows: [[named('3'), delivery('3', { ...inWork, actions: [GOT], status: 'Failed', attempt: 2 })]] }),
    /had ended Failed and changes/,
  );
  says(commit({ rows: [[named('3'), delivery('3', { ...inWork, actions: [GOT] })]] }), /goes on though it was Failed/);
  says(
    commit({ rows: [[named('3'), delivery('3', { ...inWork, actions: [action('Source', 'Get', 'Failed')] })]] }),
    /Get was Succeeded, and is Failed/,
  );
  commit({ rows: [[named('4'), delivery('4', { ...inWork, actions: [GOT], status: 'Failed' })]] });
  silent(
    commit({
      rows: [[named('4'), delivery('4', { ...inWork, actions: [GOT] })]],
      ledger: [entry('codepipeline:RetryStageExecution', ARN)],
    }),
  );
});

test('a retry repeats what was given up as well as what failed', () => {
  const { commit } = begin(checkNothingBehindTheEnd);
  const given = action('Work', 'Call', 'Abandoned');
  const ledger = [entry('codepipeline:RetryStageExecution', ARN)];
  commit({ rows: [[named('1'), delivery('1', { ...inWork, actions: [GOT, given], status: 'Stopped' })]] });
  says(commit({ rows: [[named('1'), delivery('1', { ...inWork, actions: [GOT, given] })]], ledger }), /does not repeat Call/);
  commit({ rows: [[named('2'), delivery('2', { ...inWork, actions: [GOT, given], status: 'Stopped' })]] });
  silent(commit({ rows: [[named('2'), delivery('2', { ...inWork, actions: [GOT], earlier: [given] })]], ledger }));
});

test('each change has one event and an entry of its execution in the ledger', () => {
  const { commit } = begin(checkToldAsTheyAre);
  const told = (what: string, state: string, more: JsonObject = {}) => ({
    source: 'aws.codepipeline',
    detailType: `CodePipeline ${what} Execution State Change`,
    account: '123456789012',
    region: 'us-east-1',
    timeMs: 1,
    resources: [ARN],
    detail: { 'execution-id': '1', state, ...more },
  });
  const ledger = [entry('slipway:x', ARN, { changes: { executionId: [null, '1'] } })];
  const rows = [[named('1'), delivery('1')] as const];
  says(commit({ rows, ledger }), /was to tell \[Pipeline STARTED\], and told \[\]/);
  const { commit: again } = begin(checkToldAsTheyAre);
  says(again({ rows, events: [told('Pipeline', 'STARTED')] }), /changes without a ledger entry/);
  const inside = [[named('1'), delivery('1', inSource)] as const];
  const events = [
    told('Stage', 'STARTED', { stage: 'Source' }),
    told('Action', 'STARTED', { 'action-execution-id': 'Source-Get' }),
  ];
  silent(again({ rows: inside, ledger, events }));
  says(again({ events: [told('Pipeline', 'FAILED')] }), /an event tells of 1, which did not change/);
  says(
    again({
      rows: [[named('1'), delivery('1', { ...inSource, status: 'Failed' })]],
      ledger,
      events: [told('Pipeline', 'FAILED'), told('Pipeline', 'FAILED')],
    }),
    /and told \[Pipeline FAILED, Pipeline FAILED\]/,
  );
});

test('what was told to be started is there, and goes only with its pipeline', () => {
  const { commit, safety, said } = begin(checkStartedIsThere);
  const start = (id: string) =>
    safety.asked('codepipeline:StartPipelineExecution', { clientRequestToken: 't' })({ pipelineExecutionId: id });
  start('1');
  says(said(), /answered 1, which never was there/);
  commit({
    rows: [
      [key('CodePipeline', 'p'), { createdAtMs: 1 }],
      [named('1'), delivery('1')],
    ],
  });
  start('1');
  silent(said());
  says(commit({ rows: [[named('1'), undefined]] }), /went, and its pipeline is there/);
  safety.asked('codepipeline:DisableStageTransition', {})({});
  says(said(), /DisableStageTransition was acknowledged and is not in the ledger/);
});
