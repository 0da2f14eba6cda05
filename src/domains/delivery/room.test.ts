import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../platform/errors/families.ts';
import {
  actionsOf,
  admin,
  answer,
  approval,
  approve,
  build,
  Crash,
  type DeliveryRig,
  deploy,
  endAll,
  executions,
  invoke,
  made,
  pipelineOf,
  refused,
  retry,
  rigOf,
  start,
  statusOf,
  stop,
  tokenOf,
  told,
} from './delivery-rig.ts';

const DELIVERY = pipelineOf([
  [
    'Build',
    [
      build('Unit'),
      build('Pack', { namespace: 'Packed' }),
      build('After', {
        runOrder: 2,
        configuration: { ProjectName: 'After', EnvironmentVariables: '[{"name":"I","value":"#{Packed.IMAGE}"}]' },
      }),
    ],
  ],
  ['Approval', [approval()]],
  ['Production', [deploy()]],
]);

test('a push goes through parallel builds, an approval and a deployment; events and timers are as they should be', async () => {
  const { rig, execution } = await made(DELIVERY);
  assert.deepEqual(
    rig
      .running()
      .map(({ input }) => input.projectName)
      .sort(),
    ['Pack', 'Unit'],
  );
  const [first] = rig.running();
  assert.equal(first?.input.PipelineOrigin?.initiator, 'codepipeline/P');
  assert.equal(first?.input.PipelineOrigin?.sourceVersion, 'c1');
  await endAll(rig);
  const [second] = rig.running();
  assert.equal(second?.input.projectName, 'After');
  assert.match(second?.input.environmentVariablesOverride?.[0]?.value ?? '', /^image-of-Pack:/);
  await endAll(rig);
  await approve(rig, 'Approval');
  assert.equal(rig.deployed.length, 1);
  await rig.endDeployment();
  await rig.loop.idle();
  assert.equal(await statusOf(rig, execution), 'Succeeded');
  assert.deepEqual(await told(rig, 'Pipeline'), ['STARTED', 'SUCCEEDED']);
  const stages = ['Source', 'Build', 'Approval', 'Production'].flatMap((stage) => [`${stage} STARTED`, `${stage} SUCCEEDED`]);
  assert.deepEqual(await told(rig, 'Stage'), stages);
  const timers = await rig.store.timers({ limit: 10 });
  assert.deepEqual(
    timers.map(({ reconciler }) => reconciler),
    ['delivery-source'],
    'only its source is still watched',
  );
});

test('killed between any two lines, a delivery is the same: no build, no job of a function and no deployment twice', async () => {
  for (let point = 1; ; point += 1) {
    const rig = await rigOf();
    let left = point;
    let died = false;
    rig.fault = () => {
      left -= 1;
      if (left > 0) return;
      died = true;
      throw new Crash();
    };
    await drive(rig, () => died);
    const reached = died;
    const [only, ...others] = await executions(rig);
    assert.equal(only?.status, 'Succeeded', `point ${point}`);
    assert.equal(others.length, 0);
    assert.equal(rig.builds.size, 3, `point ${point}: a build was started twice`);
    assert.equal(rig.invoked.length, 2, `point ${point}: a job was given twice`);
    assert.equal(rig.deployed.length, 1, `point ${point}: deployed twice`);
    assert.deepEqual(await told(rig, 'Pipeline'), ['STARTED', 'SUCCEEDED'], `point ${point}`);
    assert.equal((await told(rig, 'Action')).length, 14, `point ${point}: events`);
    await rig.close();
    if (!reached) {
      assert.ok(point > 30, 'the crashes went through the whole delivery');
      return;
    }
  }
});

const WITH_FUNCTION = { ...DELIVERY, stages: DELIVERY.stages.toSpliced(2, 0, { name: 'Call', actions: [invoke()] }) };

/** Does what a user and the world do, and starts the server again whenever it died. */
async function drive(rig: DeliveryRig, died: () => boolean): Promise<void> {
  let again = false;
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    await work().catch((error: unknown) => {
      if (!(error instanceof Crash) && !(error instanceof ServiceError)) throw error;
    });
    await rig.loop.idle();
    if (!died() || again) return;
    again = true;
    rig.fault = () => {};
    await rig.restart();
    await rig.loop.idle();
  };
  await attempt(() => rig.call('codepipeline:CreatePipeline', { pipeline: WITH_FUNCTION }));
  await attempt(() => rig.call('codepipeline:CreatePipeline', { pipeline: WITH_FUNCTION }));
  for (let round = 0; round < 4; round += 1) {
    await attempt(async () => {
      for (const one of rig.running()) await rig.endBuild(one);
    });
  }
  for (let round = 0; round < 4; round += 1) {
    await attempt(async () => {
      rig.clock.advance(10_000); // after which a function is called again
      await rig.loop.idle();
      const job = rig.invoked.at(-1)?.event as { 'CodePipeline.job': { id: string } } | undefined;
      const jobId = job?.['CodePipeline.job'].id;
      const again = rig.invoked.length === 1 ? { continuationToken: 'more' } : {};
      if (jobId !== undefined) await rig.call('codepipeline:PutJobSuccessResult', { jobId, ...again });
    });
  }
  for (let round = 0; round < 2; round += 1) {
    await attempt(async () => {
      if (await tokenOf(rig, 'Approval')) await approve(rig, 'Approval');
    });
  }
  for (let round = 0; round < 2; round += 1) {
    await attempt(async () => {
      if (rig.endpoint.pending !== undefined) await rig.endDeployment();
    });
  }
}

test('a failed build fails the stage once its neighbours are through; retrying repeats only what failed', async () => {
  const { rig, execution } = await made(DELIVERY);
  const [unit, pack] = rig.running();
  assert.ok(unit && pack);
  await rig.endBuild(unit, 'FAILED');
  await rig.loop.idle();
  assert.equal(await statusOf(rig, execution), 'InProgress');
  await rig.endBuild(pack);
  await rig.loop.idle();
  assert.equal(await statusOf(rig, execution), 'Failed');
  await retry(rig, 'Build', execution);
  assert.deepEqual(
    rig.running().map(({ input }) => input.projectName),
    ['Unit'],
  );
  await endAll(rig);
  assert.deepEqual(
    rig.running().map(({ input }) => input.projectName),
    ['After'],
  );
  assert.equal((await actionsOf(rig, execution)).filter(({ actionName }) => actionName === 'Unit').length, 2);
});

test('onFailure: a stage is retried once by itself, and goes back to what was last good', async () => {
  const stage = { onFailure: { result: 'RETRY', retryConfiguration: { retryMode: 'ALL_ACTIONS' } } };
  const retrying = await made(pipelineOf([['Build', [build('Unit')], stage]], { pipelineType: 'V2' }));
  await endAll(retrying.rig, 'FAILED');
  assert.equal(retrying.rig.running().length, 1);
  await endAll(retrying.rig, 'FAILED');
  assert.equal(await statusOf(retrying.rig, retrying.execution), 'Failed');

  const rolled = await made(
    pipelineOf(
      [
        ['Build', [build('Unit')], { onFailure: { result: 'ROLLBACK' } }],
        ['Ask', [approval()]],
      ],
      { pipelineType: 'V2' },
    ),
  );
  const { rig, execution } = rolled;
  await endAll(rig);
  rig.heads.set('main', 'c2');
  const second = await start(rig);
  await endAll(rig, 'FAILED');
  assert.equal(await statusOf(rig, second), 'Failed');
  const [back] = await executions(rig);
  assert.deepEqual(
    [back?.executionType, back?.trigger?.triggerType, back?.rollbackMetadata?.rollbackTargetPipelineExecutionId],
    ['ROLLBACK', 'AutomatedRollback', execution],
  );
  const [again] = rig.running();
  assert.equal(again?.input.PipelineOrigin?.sourceVersion, 'c1', 'with the source of the one it goes back to');
  await endAll(rig);
  assert.equal(await statusOf(rig, back?.pipelineExecutionId ?? ''), 'Succeeded');
});

test('a function answers its job, asks to be called again, and fails', async () => {
  const { rig, execution } = await made(
    pipelineOf([
      ['Call', [invoke({ namespace: 'Answer' })]],
      ['Ask', [approval({ configuration: { CustomData: '#{Answer.Found}' } })]],
    ]),
  );
  const job = rig.invoked[0] as {
    id: string;
    event: { 'CodePipeline.job': { id: string; data: { actionConfiguration: { configuration: object } } } };
  };
  const jobId = job.event['CodePipeline.job'].id;
  assert.deepEqual(job.event['CodePipeline.job'].data.actionConfiguration.configuration, {
    FunctionName: 'f',
    UserParameters: 'c1',
  });
  const details = await rig.call('codepipeline:GetJobDetails', { jobId });
  assert.equal(details.jobDetails?.data?.pipelineContext?.pipelineExecutionId, execution);
  await rig.call('codepipeline:PutJobSuccessResult', { jobId, continuationToken: 'more' });
  await rig.loop.idle();
  await assert.rejects(rig.call('codepipeline:PutJobSuccessResult', { jobId }), refused('InvalidJobStateException'));
  await rig.restart();
  rig.clock.advance(10_000);
  await rig.loop.idle();
  assert.equal(rig.invoked.length, 2);
  const again = rig.invoked[1] as {
    id: string;
    event: { 'CodePipeline.job': { id: string; data: { continuationToken: string } } };
  };
  assert.equal(again.event['CodePipeline.job'].data.continuationToken, 'more');
  await rig.call('codepipeline:PutJobSuccessResult', {
    jobId: again.event['CodePipeline.job'].id,
    outputVariables: { Found: 'it' },
  });
  await rig.loop.idle();
  const [ask] = await actionsOf(rig, execution);
  assert.deepEqual(ask?.input?.resolvedConfiguration, { CustomData: 'it' });
  await assert.rejects(
    rig.call('codepipeline:PutJobFailureResult', {
      jobId: again.event['CodePipeline.job'].id,
      failureDetails: { type: 'JobFailed', message: 'late' },
    }),
    refused('InvalidJobStateException'),
  );
});

test('a function that breaks off fails its action at once', async () => {
  const { rig, execution } = await made(pipelineOf([['Call', [invoke()]]]));
  await rig.breakFunction();
  await rig.loop.idle();
  assert.equal(await statusOf(rig, execution), 'Failed');
});

test('an approval that nobody answers in time has failed, also when the time passed without a server', async () => {
  const { rig, execution } = await made(pipelineOf([['Ask', [approval({ timeoutInMinutes: 5 })]]]));
  await rig.loop.stop();
  rig.clock.advance(5 * 60_000);
  await rig.start();
  await rig.loop.idle();
  assert.equal(await statusOf(rig, execution), 'Failed');
  const [action] = await actionsOf(rig, execution);
  assert.match(action?.output?.executionResult?.errorDetails?.message ?? '', /within 5 minutes/);
});

test('an approval with a topic leaves a message for it in the commit that makes its token, to be sent by the role of the action', async () => {
  const topic = 'arn:aws:sns:us-east-1:123456789012:reviews';
  const rig = await rigOf();
  rig.policies.set('approver', []);
  const configuration = { NotificationArn: topic, CustomData: 'look at #{Origin.CommitId}' };
  const ask = approval({ configuration, roleArn: 'arn:aws:iam::123456789012:role/approver' });
  await rig.call('codepipeline:CreatePipeline', { pipeline: pipelineOf([['Ask', [ask]]]) });
  await rig.loop.idle();
  const timers = await rig.store.timers({ limit: 10 });
  const notice = timers.find(({ reconciler }) => reconciler === 'notice');
  assert.ok(notice);
  const row = await rig.store.get<{ to: { kind: string; arn: string }; body: string; sender: { name: string } }>(notice.key);
  assert.deepEqual([row?.document.to.kind, row?.document.to.arn], ['topic', topic]);
  assert.equal(row?.document.sender.name, 'approver');
  const { approval: asked } = JSON.parse(row?.document.body ?? '{}') as { approval: Record<string, string> };
  assert.equal(asked['token'], await tokenOf(rig, 'Ask'));
  assert.equal(asked['customData'], 'look at c1');
  assert.match(asked['approvalReviewLink'] ?? '', /^http:\/\/127\.0\.0\.1:7600\/_slipway\/ui\//);
  assert.equal((await executions(rig))[0]?.status, 'InProgress');
});

test('an endpoint that goes back to what it had fails its action', async () => {
  const { rig, execution } = await made(pipelineOf([['Production', [deploy()]]]));
  rig.endpoint.config = 'before';
  await rig.endDeployment(true);
  await rig.loop.idle();
  assert.equal(await statusOf(rig, execution), 'Failed');
  const [action] = await actionsOf(rig, execution);
  assert.match(action?.output?.executionResult?.errorDetails?.message ?? '', /still serves before/);
});

test('a package that no action before named is not deployed; the action fails with the name of the variable', async () => {
  const named = deploy({
    configuration: { EndpointName: 'e', ModelPackageArn: '#{Registered.ModelPackageArn}', ExecutionRoleArn: 'role' },
  });
  const { rig, execution } = await made(
    pipelineOf([
      ['Build', [build('Unit', { namespace: 'Registered' })]],
      ['Production', [named]],
    ]),
  );
  await endAll(rig);
  const [action] = await actionsOf(rig, execution);
  assert.deepEqual([action?.actionName, action?.status, rig.deployed], ['Deploy', 'Failed', []]);
  assert.match(action?.output?.executionResult?.errorDetails?.message ?? '', /#\{Registered\.ModelPackageArn\}/);
});

test('a deployment of somebody else that fails meanwhile is not the action’s own; its own is, also after a restart', async () => {
  const rig = await rigOf();
  Object.assign(rig.endpoint, { config: 'old', pending: 'of-another' });
  await rig.call('codepipeline:CreatePipeline', { pipeline: pipelineOf([['Deploy', [deploy()]]]) });
  await rig.loop.idle();
  assert.deepEqual(rig.deployed, [], 'it waits');
  rig.clock.advance(1_000);
  await rig.endDeployment(true);
  rig.clock.advance(5_000);
  await rig.loop.idle();
  assert.equal(rig.deployed.length, 1);
  rig.clock.advance(1_000);
  await rig.loop.stop();
  await rig.endDeployment(true);
  await rig.start();
  await rig.loop.idle();
  const [execution] = await executions(rig);
  assert.deepEqual([rig.deployed.length, execution?.status], [1, 'Failed']);
});

test('its own deployment that failed before the action was written down is not begun again', async () => {
  const rig = await rigOf();
  rig.endpoint.config = 'old';
  rig.fault = (point) => {
    if (point === 'after sagemaker:UpdateEndpoint') throw new Crash();
  };
  await rig.call('codepipeline:CreatePipeline', { pipeline: pipelineOf([['Deploy', [deploy()]]]) });
  await rig.loop.idle();
  rig.fault = () => {};
  await rig.loop.stop();
  rig.clock.advance(1_000);
  await rig.endDeployment(true);
  await rig.start();
  await rig.loop.idle();
  const [execution] = await executions(rig);
  assert.deepEqual([rig.deployed.length, execution?.status], [1, 'Failed']);
});

test('what an action may not do, and roles that are not there, are told as such', async () => {
  const { rig, execution } = await made(
    pipelineOf([['Build', [build('Unit', { roleArn: 'arn:aws:iam::123456789012:role/narrow' })]]]),
  );
  const [action] = await actionsOf(rig, execution);
  assert.match(action?.output?.executionResult?.errorDetails?.message ?? '', /Could not assume role/);
  rig.policies.set('narrow', [{ Statement: { Effect: 'Allow', Action: 's3:*', Resource: '*' } }]);
  await retry(rig, 'Build', execution);
  const [again] = await actionsOf(rig, execution);
  assert.equal(again?.output?.executionResult?.errorDetails?.code, 'PermissionError');
  assert.equal(rig.builds.size, 0, 'the rights of neither the caller nor the pipeline leaked');
  const pipeline = { ...pipelineOf([['Ask', [approval()]]]), name: 'Q', roleArn: 'arn:aws:iam::123456789012:role/nobody' };
  await assert.rejects(rig.call('codepipeline:CreatePipeline', { pipeline }), refused('InvalidStructureException'));
});

test('whoever may not pass the role or approve is refused', async () => {
  const { rig } = await made(pipelineOf([['Ask', [approval()]]]));
  const scientist = {
    ...admin,
    name: 'scientist',
    arn: 'arn:aws:iam::123456789012:user/scientist',
  };
  rig.policies.set('scientist', [
    {
      Statement: [
        { Effect: 'Allow', Action: 'codepipeline:*', Resource: '*' },
        { Effect: 'Deny', Action: 'codepipeline:PutApprovalResult', Resource: 'arn:aws:codepipeline:*:*:P/Ask/Approve' },
      ],
    },
  ]);
  const pipeline = { ...pipelineOf([['Ask', [approval()]]]), name: 'Q' };
  await assert.rejects(rig.call('codepipeline:CreatePipeline', { pipeline }, scientist), /iam:PassRole/);
  const token = (await tokenOf(rig, 'Ask')) ?? '';
  await assert.rejects(answer(rig, 'Ask', token, 'Approved', scientist), /PutApprovalResult/);
});

test('a deleted pipeline leaves nothing behind, also one that is made anew under its name', async () => {
  const { rig } = await made(pipelineOf([['Ask', [approval()]]]));
  await rig.call('codepipeline:DeletePipeline', { name: 'P' });
  rig.clock.advance(1_000);
  await rig.call('codepipeline:CreatePipeline', { pipeline: pipelineOf([['Ask', [approval()]]]) });
  await rig.loop.idle();
  assert.equal((await executions(rig)).length, 1);
  await rig.call('codepipeline:DeletePipeline', { name: 'P' });
  await rig.loop.idle();
  rig.clock.advance(61_000);
  await rig.loop.idle();
  assert.deepEqual(await rig.store.timers({ limit: 10 }), []);
});

test('an execution whose build cannot be looked at ends in time, and when it is given up', async () => {
  const { rig, execution } = await made(pipelineOf([['Build', [build('Unit')]]]));
  rig.fault = (point) => {
    if (point === 'before codebuild:BatchGetBuilds') throw new ServiceError('ThrottlingException', 'Rate exceeded');
  };
  await stop(rig, execution);
  assert.equal(await statusOf(rig, execution), 'Stopped');
  const second = await start(rig);
  rig.clock.advance(37 * 3600_000);
  await rig.loop.idle();
  assert.equal(await statusOf(rig, second), 'Failed');
});

test('a request for approval is still there when the role of its pipeline is not', async () => {
  const { rig, execution } = await made(pipelineOf([['Ask', [approval()]]]));
  rig.policies.delete('delivery');
  await rig.restart();
  await rig.loop.idle();
  await approve(rig, 'Ask');
  assert.equal(await statusOf(rig, execution), 'Succeeded');
});

test('an action whose input a skipped stage did not make fails instead of doing without', async () => {
  const { rig, execution } = await made(
    pipelineOf(
      [
        ['Build', [build('Unit')], { onFailure: { result: 'SKIP' } }],
        ['Pack', [build('Pack', { inputArtifacts: [{ name: 'UnitOut' }] })]],
      ],
      { pipelineType: 'V2' },
    ),
  );
  await endAll(rig, 'FAILED');
  assert.equal(await statusOf(rig, execution), 'Failed');
  const [action] = await actionsOf(rig, execution);
  assert.match(action?.output?.executionResult?.errorDetails?.message ?? '', /UnitOut/);
});
