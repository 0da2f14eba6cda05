import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GitPushFilter, PipelineDeclaration } from '../../contract/generated/codepipeline.ts';
import type { Commit } from '../../platform/store/port.ts';
import { approval, build, endAll, executions, made, pipelineOf, source } from './delivery-rig.ts';

/** A pipeline that a trigger starts. */
const triggered = (push: GitPushFilter[]): PipelineDeclaration =>
  pipelineOf([], {
    pipelineType: 'V2',
    executionMode: 'PARALLEL',
    stages: [
      {
        name: 'Source',
        actions: [
          source({
            actionTypeId: { category: 'Source', owner: 'AWS', provider: 'CodeStarSourceConnection', version: '1' },
            configuration: {
              ConnectionArn: 'arn:aws:codestar-connections:us-east-1:123456789012:connection/1',
              FullRepositoryId: 'team/repo',
              BranchName: 'main',
            },
          }),
        ],
      },
      { name: 'Ask', actions: [approval()] },
    ],
    triggers: [
      {
        providerType: 'CodeStarSourceConnection',
        gitConfiguration: {
          sourceActionName: 'Fetch',
          push,
        },
      },
    ],
  });

test('each push starts an execution of its own commit, also one that came while nobody looked', async () => {
  const { rig } = await made(pipelineOf([['Ask', [approval()]]], { pipelineType: 'V2', executionMode: 'QUEUED' }));
  rig.clock.advance(1_100);
  await rig.loop.idle();
  await rig.push('main', 'c2');
  await rig.loop.idle();
  await rig.push('other', 'x1');
  await rig.loop.idle();
  rig.heads.set('main', 'c3'); // its event is lost with the server
  await rig.restart();
  await rig.loop.idle();
  const revisions = (await executions(rig)).map(({ sourceRevisions }) => sourceRevisions?.[0]?.revisionId);
  assert.deepEqual(revisions, ['c3', 'c2', 'c1']);
});

test('what starts without a call is in the ledger: by a change of its source, and to go back after a failure', async () => {
  const onFailure = { onFailure: { result: 'ROLLBACK' } };
  const structure = pipelineOf(
    [
      ['Build', [build('Unit')], onFailure],
      ['Ask', [approval()]],
    ],
    { pipelineType: 'V2' },
  );
  const { rig } = await made(structure);
  await endAll(rig);
  rig.clock.advance(1_100);
  await rig.loop.idle();
  await rig.push('main', 'c2');
  await rig.loop.idle();
  await endAll(rig, 'FAILED');
  const [back, pushed] = await executions(rig);
  assert.deepEqual([back?.trigger?.triggerType, pushed?.trigger?.triggerType], ['AutomatedRollback', 'PollForSourceChanges']);
  const entries = await rig.store.ledger({ afterSequence: 0, limit: 100 });
  const started = entries.filter(({ entry }) => entry.action === 'slipway:CodePipelineExecution.STARTED');
  assert.deepEqual(
    started.map(({ entry }) => entry.changes?.['executionId']?.[1]),
    [pushed?.pipelineExecutionId, back?.pipelineExecutionId],
  );
});

test('a source is watched, also after a restart, that is declared just when nothing seemed to watch its repository', async () => {
  const { rig } = await made(pipelineOf([['Ask', [approval()]]]));
  await rig.call('codepipeline:DeletePipeline', { name: 'P' });
  await rig.loop.idle();
  const takesTimer = ({ timers = [] }: Commit) =>
    timers.some(({ key, dueAtMs }) => key.kind === 'CodePipelineSourcePlace' && dueAtMs === null);
  rig.meanwhile(takesTimer, () => rig.call('codepipeline:CreatePipeline', { pipeline: pipelineOf([['Ask', [approval()]]]) }));
  rig.clock.advance(61_000);
  await rig.loop.idle();
  assert.equal((await executions(rig)).length, 1, 'it was declared in between');
  await rig.restart();
  await rig.loop.idle();
  await rig.push('main', 'c2');
  await rig.loop.idle();
  assert.equal((await executions(rig)).length, 2);
});

test('a source whose changes are not watched starts nothing; a trigger starts for the branches it means', async () => {
  const quiet = await made(
    pipelineOf([['Ask', [approval()]]], {
      stages: [
        {
          name: 'Source',
          actions: [source({ configuration: { RepositoryName: 'repo', BranchName: 'main', PollForSourceChanges: 'false' } })],
        },
        { name: 'Ask', actions: [approval()] },
      ],
    }),
  );
  await quiet.rig.push('main', 'c2');
  await quiet.rig.loop.idle();
  assert.equal((await executions(quiet.rig)).length, 1);

  const { rig } = await made(triggered([{ branches: { includes: ['feature/**'], excludes: ['feature/no'] } }]));
  for (const branch of ['main', 'feature/no', 'feature/yes']) {
    await rig.push(branch, `of-${branch}`);
    await rig.loop.idle();
  }
  const [newest, ...others] = await executions(rig);
  assert.equal(others.length, 1, 'the one it was made with');
  assert.equal(newest?.sourceRevisions?.[0]?.revisionId, 'of-feature/yes');
  assert.equal(newest?.trigger?.triggerType, 'WebhookV2');
});

test('a trigger that asks for paths starts for a push whose branch has none of its earlier commits any more', async () => {
  const { rig } = await made(triggered([{ branches: { includes: ['main'] }, filePaths: { includes: ['src/**'] } }]));
  await rig.push('main', 'c2');
  await rig.loop.idle();
  assert.equal((await executions(rig)).length, 2);
  rig.lost.add('c2'); // the repository was made anew
  await rig.push('main', 'd1');
  await rig.loop.idle();
  assert.equal((await executions(rig))[0]?.sourceRevisions?.[0]?.revisionId, 'd1');
});
