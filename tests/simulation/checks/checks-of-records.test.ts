import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/platform/json.ts';
import type { LedgerEntry, LedgerInput } from '../../../src/platform/ledger/entry.ts';
import { checkAcknowledged } from './acknowledged.ts';
import { checkAttendedInTime } from './attended-in-time.ts';
import { checkBlobsKept, checkNoDanglingReference } from './blobs-kept.ts';
import { checkCallbacksAnsweredOnce } from './callbacks-answered-once.ts';
import { checkChangesInLedger } from './changes-in-ledger.ts';
import { checkKeptAsAsked, checkTimesInOrder } from './kept-as-asked.ts';
import { checkLedgerChain } from './ledger-chain.ts';
import { checkNothingOverwritten } from './nothing-overwritten.ts';
import { checkStatusEvents } from './status-events.ts';
import { checkUnsettledHaveTimers } from './unsettled-have-timers.ts';
import { checkVersionNumbers } from './version-numbers.ts';
import { arn, entry, event, EXECUTION, EXECUTION_ARN, execution, key, step, watchDisk } from './watched-disk.ts';

const says = (problems: readonly string[], what: RegExp) => {
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0] as string, what);
};
const silent = (problems: readonly string[]) => assert.deepEqual(problems, []);

const JOB = key('TrainingJob', 'j');
const JOB_ARN = arn('training-job', 'j');
const PACKAGE = key('ModelPackage', 'g/1');
const PACKAGE_ARN = arn('model-package', 'g/1');
const pack = (approval: string) => ({
  ModelPackageArn: PACKAGE_ARN,
  ModelPackageStatus: 'Completed',
  ModelApprovalStatus: approval,
});

test('timers: what is not settled has one, when it is written and when one is cleared', () => {
  const world = watchDisk(checkUnsettledHaveTimers);
  const timer = (dueAtMs: number | null) => ({ reconciler: 'training-job', key: JOB, dueAtMs });
  says(world.commit({ rows: [[EXECUTION, execution('Executing')]] }), /p\/execution\/1 has no timer/);
  silent(world.commit({ rows: [[JOB, { status: 'InProgress' }]], timers: [timer(5)] }));
  says(world.commit({ timers: [timer(null)] }), /TrainingJob j has no timer/);
  silent(world.commit({ rows: [[JOB, { status: 'Stopping' }]], timers: [timer(5)] }));
  silent(world.commit({ rows: [[JOB, { status: 'Stopped' }]], timers: [timer(500)] }));
  world.safety.atRest();
  silent(world.said());
  const late = watchDisk(checkUnsettledHaveTimers, { nowMs: () => 501 });
  late.commit({ rows: [[JOB, { status: 'Stopped' }]], timers: [timer(500)] });
  late.commit({ timers: [{ reconciler: 'pipeline-execution', key: EXECUTION, dueAtMs: 3 }] });
  late.safety.atRest();
  const [due, gone] = late.said();
  assert.match(String(due), /TrainingJob j is Stopped and still has a timer of training-job/);
  assert.match(String(gone), /p\/execution\/1 is gone and still has a timer/);
});

test('timers: what serves, and what is on its way out of an endpoint, is not settled', () => {
  const world = watchDisk(checkUnsettledHaveTimers);
  const endpoint = key('Endpoint', 'e');
  says(world.commit({ rows: [[endpoint, { EndpointStatus: 'InService', retiring: [] }]] }), /Endpoint e has no timer/);
  says(
    world.commit({ rows: [[endpoint, { EndpointStatus: 'Failed', retiring: [{ workId: 'w' }] }]] }),
    /Endpoint e has no timer/,
  );
  silent(world.commit({ rows: [[endpoint, { EndpointStatus: 'Failed', retiring: [] }]] }));
});

test('time: ends and due timers are attended to soon, once there are no faults', () => {
  let now = 0;
  let count = 0;
  const world = watchDisk(checkAttendedInTime, { nowMs: () => now, faults: () => count });
  const at = (ms: number) => {
    now = ms;
    world.safety.afterEvent();
    return world.said();
  };
  const metadata = { TrainingJob: { Arn: JOB_ARN } };
  world.commit({ rows: [[JOB, { status: 'Completed', endedAtMs: 1_000 }]] });
  world.commit({ rows: [[step('A'), { status: 'Executing', metadata }]] });
  silent(at(900));
  now = 2_000;
  world.safety.calm(true);
  silent(at(152_000));
  says(at(152_001), /A is Executing, though TrainingJob j has ended: unheard for 151001 ms/);
  world.commit({ rows: [[step('A'), { status: 'Starting' }]] });
  world.commit({ rows: [[step('A'), { status: 'Executing', metadata }]] });
  silent(at(152_002));
  world.commit({ rows: [[step('A'), { status: 'Succeeded', metadata }]] });
  world.commit({ timers: [{ reconciler: 'training-job', key: JOB, dueAtMs: 200_000 }] });
  silent(at(300_000));
  says(at(400_000), /training-job of TrainingJob j was due 200000 ms ago/);
  const other = key('TrainingJob', 'k');
  world.commit({ rows: [[other, { status: 'InProgress', workId: 'job-k' }]] });
  world.commit({ timers: [{ reconciler: 'training-job', key: JOB, dueAtMs: null }] });
  world.work('job-k', { phase: 'ended', end: { reason: 'exited', exitCode: 0, endedAtMs: 420_000 } });
  world.said();
  says(at(600_000), /TrainingJob k is InProgress, though its work ended 180000 ms ago/);
  count = 1;
  silent(at(650_000));
  silent(at(900_000));
});

test('ledger: each change of status is in it, by the call or the control loop that made it', () => {
  const world = watchDisk(checkChangesInLedger);
  const job = (status: string, ...actions: string[]) =>
    world.commit({ rows: [[JOB, { status, arn: JOB_ARN }]], ledger: actions.map((action) => entry(action, JOB_ARN)) });
  silent(job('InProgress', 'sagemaker:CreateTrainingJob'));
  says(job('Stopping'), /from InProgress to Stopping with ledger entries \[\]/);
  job('InProgress');
  says(job('Stopping', 'slipway:TrainingJob.Stopping'), /from InProgress to Stopping with/);
  silent(job('Stopped', 'slipway:TrainingJob.Stopped'));
  says(
    world.commit({
      rows: [[EXECUTION, execution('Executing')]],
      ledger: [entry('sagemaker:StartPipelineExecution', arn('pipeline', 'p/execution/2'))],
    }),
    /absent to Executing/,
  );
  const begins = (changes: [string | null, string]) =>
    world.commit({
      rows: [[step('A'), { status: changes[1] }]],
      ledger: [entry(`slipway:PipelineExecutionStep.${changes[1]}`, EXECUTION_ARN, { changes: { A: changes } })],
    });
  silent(begins([null, 'Starting']));
  silent(begins(['Starting', 'Executing']));
  says(begins(['Starting', 'Failed']), /A went from Executing to Failed/);
  const denied = [entry('sagemaker:StopPipelineExecution', EXECUTION_ARN, { outcome: 'denied' })];
  says(world.commit({ rows: [[EXECUTION, execution('Stopping')]], ledger: denied }), /Executing to Stopping/);
});

test('ledger: what comes, goes and is approved is in it', () => {
  const world = watchDisk(checkChangesInLedger);
  const model = key('Model', 'm');
  const modelArn = arn('model', 'm');
  says(world.commit({ rows: [[model, { ModelArn: modelArn }]] }), /Model m came without sagemaker:CreateModel/);
  silent(world.commit({ rows: [[model, { ModelArn: modelArn, note: 1 }]] }));
  silent(world.commit({ rows: [[model, undefined]], ledger: [entry('sagemaker:DeleteModel', modelArn)] }));
  const change = (from: string | null, to: string, action: string) =>
    world.commit({
      rows: [[PACKAGE, pack(to)]],
      ledger: [entry(action, PACKAGE_ARN, { changes: { ModelApprovalStatus: [from, to] } })],
    });
  silent(change(null, 'PendingManualApproval', 'sagemaker:CreateModelPackage'));
  silent(change('PendingManualApproval', 'Approved', 'sagemaker:UpdateModelPackage'));
  says(change('PendingManualApproval', 'Rejected', 'sagemaker:UpdateModelPackage'), /Approved to Rejected without its entry/);
});

test('ledger: an entry that is missing, moved or changed is found', () => {
  const check = checkLedgerChain(watched());
  const { disk } = watchDisk(checkLedgerChain);
  for (let count = 0; count < 4; count += 1) disk.apply({ expect: [], ledger: [entry(`a${count}`, 'arn:é\u2028')] });
  const [one, two, three, four] = disk.ledger({ afterSequence: 0, limit: 10 }) as [
    LedgerEntry,
    LedgerEntry,
    LedgerEntry,
    LedgerEntry,
  ];
  const see = (...ledger: LedgerEntry[]) => check.onCommit?.({ commit: { expect: [] }, changes: [], events: [], ledger }) ?? [];
  silent(see(one, two));
  says(see(four), /ledger entry 4 follows 2/);
  const changed = checkLedgerChain(watched());
  const entries = [one, { ...two, entry: { ...two.entry, actor: 'somebody else' } }, three];
  says(
    changed.onCommit?.({ commit: { expect: [] }, changes: [], events: [], ledger: entries }) ?? [],
    /entry 2 does not match its hash/,
  );
});

const watched = () => {
  const { disk } = watchDisk(checkLedgerChain);
  return {
    disk,
    approval: 'required',
    jobHostsMax: 1,
    blobs: new Map(),
    works: new Map(),
    nowMs: () => 0,
    faults: () => 0,
    routes: () => [],
  } as const;
};

test('ledger: the whole of it is followed at the end', () => {
  const world = watchDisk(checkLedgerChain);
  silent(world.commit({ ledger: [entry('a', 'x'), entry('b', 'y')] }));
  world.safety.atRest();
  silent(world.said());
  const disk = { ...world.disk, ledger: world.disk.ledger.bind(world.disk), ledgerHead: () => ({ sequence: 1, hash: 'x' }) };
  says(checkLedgerChain({ ...watched(), disk: disk as never }).atRest?.() ?? [], /the ledger ends with 2, its head is 1/);
});

test('events: each change of status is told in its commit, and nothing else is', () => {
  const world = watchDisk(checkStatusEvents);
  const type = 'SageMaker Training Job State Change';
  const job = (status: string, told = status) =>
    world.commit({ rows: [[JOB, { status, arn: JOB_ARN }]], events: [event(type, JOB_ARN, { TrainingJobStatus: told })] });
  silent(job('InProgress'));
  says(job('Completed', 'InProgress'), /InProgress to Completed without an event/);
  says(world.commit({ rows: [[EXECUTION, execution('Executing')]] }), /absent to Executing without an event/);
  const stepType = 'SageMaker Model Building Pipeline Execution Step Status Change';
  const detail = { stepName: 'A', currentStepStatus: 'Starting', previousStepStatus: undefined };
  silent(world.commit({ rows: [[step('A'), { status: 'Starting' }]], events: [event(stepType, EXECUTION_ARN, detail)] }));
  says(
    world.commit({ rows: [[step('B'), { status: 'Starting' }]], events: [event(stepType, EXECUTION_ARN, detail)] }),
    /B went from/,
  );
  const untold = { stepName: 'A', currentStepStatus: 'Failed', previousStepStatus: 'Starting' };
  says(world.commit({ events: [event(stepType, EXECUTION_ARN, untold)] }), /tells of Failed, which nothing became/);
});

test('events: registrations, approvals and deletions of versions are told', () => {
  const world = watchDisk(checkStatusEvents);
  const type = 'SageMaker Model Package State Change';
  const told = (approval: string) => [event(type, PACKAGE_ARN, { ModelApprovalStatus: approval })];
  silent(world.commit({ rows: [[PACKAGE, pack('PendingManualApproval')]], events: told('PendingManualApproval') }));
  silent(world.commit({ rows: [[PACKAGE, { ...pack('PendingManualApproval'), note: 1 }]] }));
  says(
    world.commit({ rows: [[PACKAGE, pack('Approved')]], events: told('Rejected') }),
    /PendingManualApproval to Approved without/,
  );
  says(world.commit({ rows: [[PACKAGE, undefined]] }), /went from Approved to undefined without/);
});

test('overwriting: a row that is there is written with its version, a timer cleared with that of its row', () => {
  const world = watchDisk(checkNothingOverwritten);
  const write = { key: JOB, document: {}, index: { createdAtMs: 1, modifiedAtMs: 1 } };
  silent(world.commit({ write: [write] }));
  says(world.commit({ write: [write] }), /TrainingJob j was written over/);
  says(world.commit({ timers: [{ reconciler: 'r', key: JOB, dueAtMs: null }] }), /the timer r of TrainingJob j was cleared/);
  silent(world.commit({ expect: [{ key: JOB, version: 2 }], timers: [{ reconciler: 'r', key: JOB, dueAtMs: null }] }));
  says(world.commit({ remove: [JOB] }), /TrainingJob j was removed/);
});

test('contents: what a row names is there, when it is named and later', () => {
  const world = watchDisk(checkBlobsKept);
  const write = (blobs: string[]) => [{ key: JOB, document: {}, index: { createdAtMs: 1, modifiedAtMs: 1 }, blobs }];
  world.blobs.set('one', {});
  world.blobs.set('two', {});
  silent(world.commit({ write: write(['one']) }));
  says(world.commit({ write: write(['one', 'three']) }), /names the content three, which is not there/);
  world.commit({ write: write(['one']) });
  world.safety.afterEvent();
  world.blobs.delete('two');
  world.safety.afterEvent();
  silent(world.said());
  world.blobs.delete('one');
  world.safety.afterEvent();
  says(world.said(), /names the content one, which is gone/);
});

test('contents: what a document speaks of is kept by some row', () => {
  const world = watchDisk(checkBlobsKept);
  const digest = 'a'.repeat(64);
  const write = (name: string, blobs?: string[]) => [
    { key: key('S3Object', name), document: { blob: { digest } }, index: { createdAtMs: 1, modifiedAtMs: 1 }, blobs },
  ];
  silent(world.commit({ write: write('unknown') }));
  world.blobs.set(digest, {});
  says(world.commit({ write: write('a') }), /S3Object a speaks of the content a{64}, which no row keeps/);
  silent(world.commit({ write: write('b', [digest]) }));
});

test('references: both sides are there', () => {
  const world = watchDisk(checkNoDanglingReference);
  world.commit({ rows: [[JOB, {}]] });
  says(world.commit({ refer: [{ from: JOB, to: EXECUTION }] }), /PipelineExecution p\/execution\/1 is not there/);
  silent(world.commit({ refer: [{ from: JOB, to: EXECUTION, drop: true }] }));
});

test('versions: one after the other, none twice, also not after a deletion', () => {
  const world = watchDisk(() => checkVersionNumbers());
  const version = (number: number) =>
    world.commit({ rows: [[key('ModelPackage', `g/${number}`), { ModelPackageGroupName: 'G', ModelPackageVersion: number }]] });
  silent(version(1));
  silent(version(2));
  world.commit({ rows: [[key('ModelPackage', 'g/2'), undefined]] });
  says(version(2), /g\/2 is version 2, the one before was 2/);
  says(version(4), /version 4, the one before was 2/);
  silent(world.commit({ rows: [[key('Pipeline', 'p'), { versionId: 1 }]] }));
  silent(world.commit({ rows: [[key('Pipeline', 'p'), { versionId: 1, note: 1 }]] }));
  says(world.commit({ rows: [[key('Pipeline', 'p'), { versionId: 3 }]] }), /Pipeline p is version 3/);
});

test('acknowledged: it is in the ledger since it was asked, and a token gets one answer', () => {
  const world = watchDisk(checkAcknowledged);
  const call = (operation: string, input: object, output: object = {}, meanwhile: LedgerInput[] = []) => {
    const answer = world.safety.asked(operation, input as never);
    world.commit({ ledger: meanwhile });
    answer(output as never);
    return world.said();
  };
  const start = (token: string, output: string, meanwhile: LedgerInput[] = []) =>
    call('sagemaker:StartPipelineExecution', { ClientRequestToken: token }, { PipelineExecutionArn: output }, meanwhile);
  const started = entry('sagemaker:StartPipelineExecution', EXECUTION_ARN);
  const other = arn('pipeline', 'p/execution/2');
  says(start('s', EXECUTION_ARN), /StartPipelineExecution of .* was acknowledged and is not in the ledger/);
  silent(start('t', EXECUTION_ARN, [started]));
  silent(start('t', EXECUTION_ARN));
  says(start('u', EXECUTION_ARN), /was acknowledged and is not in the ledger/);
  const twice = [entry('sagemaker:StartPipelineExecution', other)];
  says(start('t', other, twice), /with the token t answered .*execution\/1.*, then .*execution\/2/);
  const third = arn('pipeline', 'p/execution/3');
  const anew = [entry('sagemaker:DeletePipeline', arn('pipeline', 'p')), entry('sagemaker:StartPipelineExecution', third)];
  silent(start('t', third, anew));
  const remove = [entry('sagemaker:DeleteModel', arn('model', 'm'))];
  says(call('sagemaker:DeleteModel', { ModelName: 'm' }), /DeleteModel of m was acknowledged/);
  silent(call('sagemaker:DeleteModel', { ModelName: 'm' }, {}, remove));
  says(call('sagemaker:DeleteModel', { ModelName: 'm' }), /DeleteModel of m was acknowledged/);
  silent(call('sagemaker:DescribeModel', { ModelName: 'x' }));
  silent(call('sqs:DeleteMessage', { QueueUrl: 'q' }));
});

test('acknowledged: a package has the approval status that somebody was told it has', () => {
  const world = watchDisk(checkAcknowledged);
  const put = (status: string) => world.commit({ rows: [[PACKAGE, pack(status)]] });
  const ask = (status: string) =>
    world.safety.asked('sagemaker:UpdateModelPackage', { ModelPackageArn: PACKAGE_ARN, ModelApprovalStatus: status });
  put('PendingManualApproval');
  put('Rejected');
  const unchanged = ask('Rejected');
  const approve = ask('Approved');
  unchanged({});
  silent(world.said());
  approve({});
  says(world.said(), /was acknowledged to be Approved, and was Rejected meanwhile/);
  const again = ask('Approved');
  put('Approved');
  put('Rejected');
  again({});
  silent(world.said());
});

test('requests stay as they were made, ends as they were told', () => {
  const world = watchDisk(() => checkKeptAsAsked());
  const job = (more: JsonObject) => world.commit({ rows: [[JOB, { status: 'InProgress', request: { RoleArn: 'r' }, ...more }]] });
  job({});
  silent(job({ endedAtMs: 5, failureReason: 'x' }));
  says(job({ endedAtMs: 6, failureReason: 'x' }), /endedAtMs of TrainingJob j was 5, and is 6/);
  says(
    job({ endedAtMs: 6, failureReason: 'x', request: { RoleArn: 's' } }),
    /request of TrainingJob j was .*"r".*, and is .*"s"/,
  );
  world.commit({ rows: [[key('Model', 'm'), { Containers: [] }]] });
  says(world.commit({ rows: [[key('Model', 'm'), { Containers: [], note: 1 }]] }), /note of Model m was undefined, and is 1/);
});

test('times are in their order, and not ahead', () => {
  const world = watchDisk(checkTimesInOrder, { nowMs: () => 50 });
  const job = (createdAtMs: number, startedAtMs: number, endedAtMs: number) =>
    world.commit({ rows: [[JOB, { createdAtMs, startedAtMs, endedAtMs }]] });
  silent(job(1, 1, 50));
  says(job(2, 1, 50), /startedAtMs of TrainingJob j is 1/);
  says(job(1, 2, 51), /endedAtMs of TrainingJob j is 51/);
});

test('callbacks: one answer, and the step ends by it', () => {
  const world = watchDisk(checkCallbacksAnsweredOnce);
  const answer = (how: 'Success' | 'Failure', CallbackToken: string) => {
    world.safety.asked(`sagemaker:SendPipelineExecutionStep${how}`, { CallbackToken })({});
    return world.said();
  };
  const ends = (name: string, status: string) => {
    const metadata = { Callback: { CallbackToken: name } };
    world.commit({ rows: [[step(name), { status: 'Executing', metadata }]] });
    return world.commit({ rows: [[step(name), { status, metadata }]] });
  };
  world.commit({ rows: [[EXECUTION, execution('Executing')]] });
  silent(answer('Success', 'A'));
  says(answer('Failure', 'A'), /the callback A was answered with Succeeded, and then with Failed/);
  silent(answer('Success', 'B'));
  says(ends('B', 'Failed'), /the callback B was answered with Succeeded, its step is Failed/);
  silent(ends('C', 'Failed'));
  says(answer('Success', 'C'), /the callback C was answered with Succeeded, its step is Failed/);
});
