import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { createAuthorizer } from '../../platform/authorization/authorizer.ts';
import { JOB_SESSION_POLICY } from '../../platform/authorization/job-session-policy.ts';
import {
  ACCOUNT,
  actionsOf,
  admin,
  answer,
  approval,
  build,
  type DeliveryRig,
  executions,
  invoke,
  made,
  pipelineOf,
  REGION,
  refused,
  retry,
  rigOf,
  source,
  start,
  statusOf,
  stop,
  tokenOf,
} from './delivery-rig.ts';
import { type HookRequest, receiveWebhook } from './receive-webhook.ts';

const ASK = pipelineOf([['Ask', [approval({ timeoutInMinutes: 5 })]]]);

test('an approval token that was used, has expired or was for an earlier attempt approves nothing', async () => {
  const { rig, execution } = await made(ASK);
  const rejected = (await tokenOf(rig, 'Ask')) ?? '';
  await answer(rig, 'Ask', rejected, 'Rejected');
  await rig.loop.idle();
  await assert.rejects(answer(rig, 'Ask', rejected), refused('ApprovalAlreadyCompletedException'));
  await retry(rig, 'Ask', execution);
  const second = (await tokenOf(rig, 'Ask')) ?? '';
  assert.notEqual(second, rejected);
  await assert.rejects(answer(rig, 'Ask', rejected), refused('ApprovalAlreadyCompletedException'));
  rig.clock.advance(6 * 60_000);
  await rig.loop.idle();
  await assert.rejects(answer(rig, 'Ask', second), refused('ApprovalAlreadyCompletedException'));
  await assert.rejects(answer(rig, 'Ask', '00000000-0000-4000-8000-000000000000'), refused('InvalidApprovalTokenException'));
});

test('what ran out of time is answered by nobody, also before the server has looked at it', async () => {
  const { rig, execution } = await made(ASK);
  const token = (await tokenOf(rig, 'Ask')) ?? '';
  await rig.loop.stop();
  rig.clock.advance(5 * 60_000);
  await assert.rejects(answer(rig, 'Ask', token), refused('ApprovalAlreadyCompletedException'));
  await rig.start();
  await rig.loop.idle();
  assert.equal(await statusOf(rig, execution), 'Failed');
  await rig.call('codepipeline:UpdatePipeline', { pipeline: pipelineOf([['Call', [invoke()]]]) });
  await start(rig);
  await rig.loop.stop();
  rig.clock.advance(24 * 3600_000);
  const event = rig.invoked[0]?.event as { 'CodePipeline.job': { id: string } };
  const jobId = event['CodePipeline.job'].id;
  await assert.rejects(rig.call('codepipeline:PutJobSuccessResult', { jobId }), refused('InvalidJobStateException'));
});

test('a message whose signature, address or sender is not the webhook’s starts nothing', async () => {
  const rig = await rigOf();
  await rig.call('codepipeline:CreatePipeline', {
    pipeline: {
      ...ASK,
      stages: [
        {
          name: 'Source',
          actions: [source({ configuration: { RepositoryName: 'repo', BranchName: 'main', PollForSourceChanges: 'false' } })],
        },
        ...ASK.stages.slice(1),
      ],
    },
  });
  await rig.loop.idle();
  const put = async (name: string, authentication: 'GITHUB_HMAC' | 'IP', authenticationConfiguration: object) => {
    const filters = [{ jsonPath: '$.ref' }];
    const webhook = { name, targetPipeline: 'P', targetAction: 'Fetch', filters, authentication, authenticationConfiguration };
    const made = await rig.call('codepipeline:PutWebhook', { webhook });
    return made.webhook?.url.split('/').at(-1) ?? '';
  };
  const signed = await put('signed', 'GITHUB_HMAC', { SecretToken: 'right' });
  const near = await put('near', 'IP', { AllowedIPRange: '10.0.0.0/8' });
  const body = Buffer.from('{"ref":"refs/heads/main"}');
  const sign = (secret: string, text = body) => `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`;
  const send = (hook: string, request: Partial<HookRequest>) =>
    receiveWebhook(rig.ports, { account: ACCOUNT, region: REGION }, hook, {
      headers: {},
      body,
      sourceIp: '127.0.0.1',
      ...request,
    });
  const forged: [string, Partial<HookRequest>][] = [
    [signed, {}],
    [signed, { headers: { 'x-hub-signature-256': sign('wrong') } }],
    [signed, { headers: { 'x-hub-signature-256': sign('right').slice(0, -1) } }],
    [signed, { headers: { 'x-hub-signature-256': sign('right') }, body: Buffer.from('{"ref":"refs/heads/other"}') }],
    [signed, { headers: { 'x-hub-signature-256': sign('wrong'), 'x-hub-signature': `sha1=${'0'.repeat(40)}` } }],
    [near, { headers: { 'x-forwarded-for': '10.0.0.1' } }],
    ['a'.repeat(40), { headers: { 'x-hub-signature-256': sign('right') } }],
  ];
  for (const [hook, request] of forged) assert.equal((await send(hook, request)).status, 403, JSON.stringify(request.headers));
  const count = async () => (await executions(rig)).length;
  assert.equal(await count(), 1);
  const stored = JSON.stringify(
    (await rig.store.get({ account: ACCOUNT, region: REGION, kind: 'CodePipelineWebhook', name: 'signed' }))?.document,
  );
  assert.ok(!stored.includes('right'), 'the secret is sealed');
  assert.equal((await send(signed, { headers: { 'x-hub-signature-256': sign('right') } })).status, 200);
  assert.equal((await send(near, { sourceIp: '::ffff:10.1.1.1' })).status, 200);
  assert.equal(await count(), 3);
});

test('a webhook starts only a pipeline that whoever puts it may give one', async () => {
  const { rig } = await made(ASK);
  const Resource = `arn:aws:codepipeline:${REGION}:${ACCOUNT}:webhook:*`;
  rig.policies.set('tester', [{ Statement: { Effect: 'Allow', Action: 'codepipeline:PutWebhook', Resource } }]);
  const tester = { ...admin, name: 'tester', arn: `arn:aws:iam::${ACCOUNT}:user/tester` };
  const open = { authentication: 'UNAUTHENTICATED' as const, authenticationConfiguration: {} };
  const webhook = { name: 'w', targetPipeline: 'P', targetAction: 'Fetch', filters: [{ jsonPath: '$.ref' }], ...open };
  await assert.rejects(rig.call('codepipeline:PutWebhook', { webhook }, tester), refused('AccessDeniedException'));
});

test('a message delivers no commit of another branch, and one that is not signed none that it names', async () => {
  const { rig } = await made(ASK);
  const filters = [{ jsonPath: '$.ref' }];
  const put = async (name: string, authentication: 'GITHUB_HMAC' | 'UNAUTHENTICATED', authenticationConfiguration: object) => {
    const webhook = { name, targetPipeline: 'P', targetAction: 'Fetch', filters, authentication, authenticationConfiguration };
    return (await rig.call('codepipeline:PutWebhook', { webhook })).webhook?.url.split('/').at(-1) ?? '';
  };
  const signed = await put('signed', 'GITHUB_HMAC', { SecretToken: 's' });
  const open = await put('open', 'UNAUTHENTICATED', {});
  const named = 'a'.repeat(40);
  const delivered = async (hook: string, branch: string) => {
    const body = Buffer.from(JSON.stringify({ ref: `refs/heads/${branch}`, after: named }));
    const headers = { 'x-hub-signature-256': `sha256=${createHmac('sha256', 's').update(body).digest('hex')}` };
    await receiveWebhook(rig.ports, { account: ACCOUNT, region: REGION }, hook, { headers, body, sourceIp: '127.0.0.1' });
    await rig.loop.idle();
    return (await executions(rig))[0]?.sourceRevisions?.[0]?.revisionId;
  };
  assert.equal(await delivered(signed, 'main'), named);
  assert.equal(await delivered(signed, 'feature'), 'c1');
  assert.equal(await delivered(open, 'main'), 'c1');
});

test('what code in a job makes or starts has no more rights than the job, and cannot approve', async () => {
  const rig = await rigOf();
  const job = { ...admin, kind: 'role-session' as const, sessionPolicy: JOB_SESSION_POLICY };
  const stages = pipelineOf([['Call', [invoke({ configuration: { FunctionName: 'f' } })]]]);
  await rig.call('codepipeline:CreatePipeline', { pipeline: stages }, job);
  await rig.loop.idle();
  assert.deepEqual(await policiesOf(rig), new Set([JOB_SESSION_POLICY]));
  await rig.call('codepipeline:UpdatePipeline', { pipeline: stages });
  await stop(rig, await newest(rig));
  await rig.call('codepipeline:StartPipelineExecution', { name: 'P' });
  await rig.loop.idle();
  assert.deepEqual(await policiesOf(rig), new Set([undefined]), 'an administrator made it anew, and started it');
  await stop(rig, await newest(rig));
  await rig.call('codepipeline:StartPipelineExecution', { name: 'P' }, job);
  await rig.loop.idle();
  assert.deepEqual(await policiesOf(rig), new Set([JOB_SESSION_POLICY]));
  await stop(rig, await newest(rig));
  const filters = [{ jsonPath: '$.ref' }];
  const webhook = { name: 'open', targetPipeline: 'P', targetAction: 'Fetch', filters, authenticationConfiguration: {} };
  const put = await rig.call('codepipeline:PutWebhook', { webhook: { ...webhook, authentication: 'UNAUTHENTICATED' } }, job);
  const hook = put.webhook?.url.split('/').at(-1) ?? '';
  const request = { headers: {}, body: Buffer.from('{"ref":"r"}'), sourceIp: '127.0.0.1' };
  assert.equal((await receiveWebhook(rig.ports, { account: ACCOUNT, region: REGION }, hook, request)).status, 200);
  await rig.loop.idle();
  assert.deepEqual(await policiesOf(rig), new Set([JOB_SESSION_POLICY]), 'nor by a webhook that the job put');
  const authorizer = createAuthorizer({ policiesOf: async () => rig.policies.get('admin') ?? [] });
  const needs = [
    { action: 'codepipeline:PutApprovalResult', resources: ['arn:aws:codepipeline:us-east-1:123456789012:P/Ask/Approve'] },
  ];
  assert.equal((await authorizer.authorize(job, needs)).allowed, false);
  assert.equal((await authorizer.authorize(admin, needs)).allowed, true);
});

test('the id of a job, which lets answer it, cannot be worked out of what is shown', async () => {
  const { rig, execution } = await made(pipelineOf([['Call', [invoke()]]]));
  const event = rig.invoked[0]?.event as { 'CodePipeline.job': { id: string } };
  const { id } = event['CodePipeline.job'];
  const shown = [
    await actionsOf(rig, execution),
    await rig.call('codepipeline:GetPipelineState', { name: 'P' }),
    await rig.store.events({ afterSequence: 0, limit: 100 }),
    await rig.store.ledger({ afterSequence: 0, limit: 100 }),
  ];
  assert.ok(JSON.stringify(shown).includes(execution) && !JSON.stringify(shown).includes(id));
  const [action] = await actionsOf(rig, execution);
  for (const jobId of [action?.actionExecutionId, action?.output?.executionResult?.externalExecutionId]) {
    await assert.rejects(rig.call('codepipeline:PutJobSuccessResult', { jobId: jobId ?? '' }), refused('JobNotFoundException'));
  }
});

test('values of variables and parameters of a pipeline are not in the ledger', async () => {
  const rig = await rigOf();
  const variables = { ProjectName: 'Unit', EnvironmentVariables: '[{"name":"TOKEN","value":"hidden-one"}]' };
  const actions = [
    build('Unit', { configuration: variables }),
    invoke({ configuration: { FunctionName: 'f', UserParameters: 'hidden-two' } }),
  ];
  await rig.call('codepipeline:CreatePipeline', { pipeline: pipelineOf([['Run', actions]]) });
  const ledger = JSON.stringify(await rig.store.ledger({ afterSequence: 0, limit: 100 }));
  assert.ok(ledger.includes('TOKEN') && !ledger.includes('hidden'));
});

const newest = async (rig: DeliveryRig) => (await executions(rig))[0]?.pipelineExecutionId ?? '';

/** The session policies under which the newest execution acts. */
async function policiesOf(rig: DeliveryRig): Promise<Set<unknown>> {
  const id = await newest(rig);
  const own = rig.sessions.filter(({ arn }) => arn.endsWith(id));
  return new Set(own.map(({ sessionPolicy }) => sessionPolicy));
}
