import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import type { Commit } from '../../platform/store/port.ts';
import {
  ACCOUNT,
  actionsOf,
  approval,
  build,
  type DeliveryRig,
  deploy,
  endAll,
  executions,
  invoke,
  made,
  pipelineOf,
  refused,
  REGION,
  retry,
  start,
} from './delivery-rig.ts';
import { receiveWebhook } from './receive-webhook.ts';

/** The commit by which an execution waits before a stage. */
const arrivesBefore =
  (stage: number) =>
  ({ write = [] }: Commit): boolean =>
    write.some(({ document }) => document['place'] === 'waiting' && document['stage'] === stage);

/** The commit of an operation, or of what the room did by itself. */
const doing =
  (what: string) =>
  ({ ledger = [] }: Commit): boolean =>
    ledger.some(({ action }) => action === what);

test('an execution that comes before a closed stage just when it is opened goes on', async () => {
  const { rig } = await made(pipelineOf([['Ask', [approval()]]], { executionMode: 'PARALLEL', pipelineType: 'V2' }));
  const transition = { pipelineName: 'P', stageName: 'Ask', transitionType: 'Inbound' as const };
  await rig.call('codepipeline:DisableStageTransition', { ...transition, reason: 'r' });
  rig.meanwhile(arrivesBefore(1), () => rig.call('codepipeline:EnableStageTransition', transition));
  const second = await start(rig);
  const actions = (await actionsOf(rig, second)).map(({ actionName }) => actionName);
  assert.ok(actions.includes('Approve'), 'it is asked for approval');
});

test('an execution that comes before a closed stage while it is being opened goes on', async () => {
  const { rig } = await made(pipelineOf([['Ask', [approval()]]], { executionMode: 'PARALLEL', pipelineType: 'V2' }));
  const transition = { pipelineName: 'P', stageName: 'Ask', transitionType: 'Inbound' as const };
  await rig.call('codepipeline:DisableStageTransition', { ...transition, reason: 'r' });
  rig.fault = (point) => {
    if (point === 'before codecommit:GetCommit') throw new ServiceError('ThrottlingException', 'Rate exceeded');
  };
  const second = await start(rig);
  rig.fault = () => {};
  rig.meanwhile(doing('codepipeline:EnableStageTransition'), async () => {
    rig.clock.advance(500);
    await rig.loop.idle();
  });
  await rig.call('codepipeline:EnableStageTransition', transition);
  await rig.loop.idle();
  const actions = (await actionsOf(rig, second)).map(({ actionName }) => actionName);
  assert.ok(actions.includes('Approve'), 'it is asked for approval');
});

test('a parallel execution does not enter a stage that is closed at that very moment', async () => {
  const { rig } = await made(
    pipelineOf(
      [
        ['Build', [build('Unit')]],
        ['Ask', [approval()]],
      ],
      { executionMode: 'PARALLEL', pipelineType: 'V2' },
    ),
  );
  const entersLast = ({ write = [] }: Commit): boolean =>
    write.some(({ document }) => document['place'] === 'inside' && document['stage'] === 2);
  const transition = { pipelineName: 'P', stageName: 'Ask', transitionType: 'Inbound' as const, reason: 'r' };
  rig.meanwhile(entersLast, () => rig.call('codepipeline:DisableStageTransition', transition));
  await endAll(rig);
  const [only] = await executions(rig);
  const actions = (await actionsOf(rig, only?.pipelineExecutionId ?? '')).map(({ actionName }) => actionName);
  assert.ok(!actions.includes('Approve'), 'it waits');
});

test('a stage is not retried by a structure that is replaced meanwhile', async () => {
  const pipeline = pipelineOf([['Build', [build('Unit')]]]);
  const { rig, execution } = await made(pipeline);
  await endAll(rig, 'FAILED');
  rig.meanwhile(doing('codepipeline:RetryStageExecution'), () => rig.call('codepipeline:UpdatePipeline', { pipeline }));
  await assert.rejects(retry(rig, 'Build', execution), refused('StageNotRetryableException'));
  assert.deepEqual(rig.running(), []);
});

test('a function that asks to be called again before its first call is written down is called again', async () => {
  const pipeline = pipelineOf([['Call', [invoke()]]]);
  const { rig } = await made(pipelineOf([['Ask', [approval()]]]));
  const isBegun = ({ write = [] }: Commit): boolean =>
    JSON.stringify(write).includes('"begun":true,"startedAtMs"') && rig.invoked.length > 0;
  rig.meanwhile(isBegun, () => rig.call('codepipeline:PutJobSuccessResult', { jobId: jobOf(rig, 0), continuationToken: 'more' }));
  await rig.call('codepipeline:UpdatePipeline', { pipeline });
  await start(rig);
  assert.equal(rig.invoked.length, 1);
  rig.clock.advance(10_000);
  await rig.loop.idle();
  assert.equal(rig.invoked.length, 2);
  await rig.call('codepipeline:PutJobSuccessResult', { jobId: jobOf(rig, 1) });
  await rig.loop.idle();
  assert.equal((await executions(rig))[0]?.status, 'Succeeded');
});

const jobOf = (rig: DeliveryRig, nth: number): string =>
  (rig.invoked[nth]?.event as { 'CodePipeline.job': { id: string } } | undefined)?.['CodePipeline.job'].id ?? '';

test('what a deleted pipeline was about to do is not done, while its rows cannot be removed either', async () => {
  const { rig } = await made(
    pipelineOf([
      ['Build', [build('Unit')]],
      ['Production', [deploy()]],
    ]),
  );
  const removesExecutions = ({ remove = [] }: Commit): boolean => remove.some(({ kind }) => kind === 'CodePipelineExecution');
  rig.meanwhile(removesExecutions, async () => {
    throw new BackendError('storage', 'The disk is full.', { retryable: true });
  });
  await rig.call('codepipeline:DeletePipeline', { name: 'P' });
  await rig.loop.idle();
  await endAll(rig);
  assert.deepEqual(rig.deployed, []);
  rig.clock.advance(61_000);
  await rig.loop.idle();
  const kinds = ['CodePipelineExecution', 'CodePipelineLine'];
  for (const kind of kinds) {
    const place = { account: ACCOUNT, region: REGION, kind };
    assert.deepEqual((await rig.store.list({ ...place, sortBy: 'name', order: 'ascending', limit: 10 })).rows, [], kind);
  }
});

for (const change of ['deleted', 'changed'] as const) {
  test(`a webhook that is ${change} while a message comes stays so`, async () => {
    const { rig } = await made(pipelineOf([['Ask', [approval()]]]));
    const put = async (jsonPath: string) => {
      const webhook = { name: 'open', targetPipeline: 'P', targetAction: 'Fetch', filters: [{ jsonPath }] };
      const open = { authentication: 'UNAUTHENTICATED' as const, authenticationConfiguration: {} };
      return (await rig.call('codepipeline:PutWebhook', { webhook: { ...webhook, ...open } })).webhook?.url.split('/').at(-1);
    };
    const hook = (await put('$.ref')) ?? '';
    rig.meanwhile(doing('slipway:CodePipelineWebhook.Received'), () =>
      change === 'deleted' ? rig.call('codepipeline:DeleteWebhook', { name: 'open' }) : put('$.other'),
    );
    const message = { headers: {}, body: Buffer.from('{"ref":"r"}'), sourceIp: '127.0.0.1' };
    const { status } = await receiveWebhook(rig.ports, { account: ACCOUNT, region: REGION }, hook, message);
    const { webhooks = [] } = await rig.call('codepipeline:ListWebhooks', {});
    const filters = webhooks.map(({ definition }) => definition.filters[0]?.jsonPath);
    const started = (await executions(rig)).length - 1;
    const expected = change === 'deleted' ? [403, [], 0] : [200, ['$.other'], 0];
    assert.deepEqual([status, filters, started], expected);
  });
}
