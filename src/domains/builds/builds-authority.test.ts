import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StartBuildInput } from '../../contract/generated/codebuild.ts';
import { ACCOUNT, REGION, refusal, user } from '../registry/registry-rig.ts';
import { rigOfFile } from './builds-rig.ts';

const rig = await rigOfFile();

const SPEC = JSON.stringify({ version: '0.2', phases: { build: { commands: ['true'] } } });
const arn = (resource: string, partition = 'aws'): string => `arn:${partition}:codebuild:${REGION}:${ACCOUNT}:${resource}`;
const denied = refusal('AccessDeniedException', /guarded/);

test('what a policy denies stays denied under every name that leads there', async () => {
  await rig.project('guarded', SPEC);
  await rig.call('codebuild:CreateReportGroup', {
    name: 'guarded',
    type: 'TEST',
    exportConfig: { exportConfigType: 'NO_EXPORT' },
  });
  rig.policies.set('limited', [
    { Statement: { Effect: 'Allow', Action: '*', Resource: '*' } },
    { Statement: { Effect: 'Deny', Action: 'codebuild:*', Resource: [arn('project/guarded'), arn('report-group/guarded')] } },
  ]);
  const limited = user('limited');
  for (const name of ['guarded', arn('project/guarded'), arn('project/guarded', 'aws-cn')]) {
    await assert.rejects(rig.call('codebuild:UpdateProject', { name, description: 'taken over' }, limited), denied, name);
    await assert.rejects(rig.call('codebuild:StartBuild', { projectName: name }, limited), denied, name);
    await assert.rejects(rig.call('codebuild:DeleteProject', { name }, limited), denied, name);
  }
  for (const group of [arn('report-group/guarded'), arn('report-group/guarded', 'aws-cn')]) {
    await assert.rejects(rig.call('codebuild:UpdateReportGroup', { arn: group }, limited), denied, group);
    await assert.rejects(rig.call('codebuild:DeleteReportGroup', { arn: group }, limited), denied, group);
    await assert.rejects(rig.call('codebuild:BatchGetReportGroups', { reportGroupArns: [group] }, limited), denied, group);
    await assert.rejects(rig.call('codebuild:ListReportsForReportGroup', { reportGroupArn: group }, limited), denied, group);
  }
});

test('what the start of a build overrides is held to the rules of a project', async () => {
  await rig.project('overridden', SPEC);
  const starts: [Partial<StartBuildInput>, RegExp][] = [
    [{ secondarySourcesOverride: [{ type: 'S3', location: 'b/k', sourceIdentifier: '/../../../ml/x' }] }, /sourceIdentifier/],
    [{ secondarySourcesOverride: [{ type: 'S3', location: 'b/k' }] }, /sourceIdentifier is required/],
    [{ environmentVariablesOverride: [{ name: 'A=B', value: 'x' }] }, /environment variable name/],
    [{ artifactsOverride: { type: 'S3' } }, /location must be set/],
    [{ secondaryArtifactsOverride: [{ type: 'S3', location: 'b' }] }, /artifactIdentifier is required/],
    [{ cacheOverride: { type: 'S3' } }, /location is required/],
  ];
  for (const [input, rule] of starts) {
    await assert.rejects(rig.startBuild({ projectName: 'overridden', ...input }), refusal('InvalidInputException', rule));
  }
});

test('what is not implemented is refused, of a project and of a start', async () => {
  const logsConfig = { s3Logs: { status: 'ENABLED' as const, location: 'b/logs' } };
  const refused = refusal('InvalidInputException', /not implemented/);
  for (const more of [{ logsConfig }, { autoRetryLimit: 2 }]) await assert.rejects(rig.project('plain', SPEC, more), refused);
  await rig.project('plain', SPEC, { logsConfig: { s3Logs: { status: 'DISABLED' } } });
  const starts = [{ logsConfigOverride: logsConfig }, { autoRetryLimitOverride: 1 }, { fleetOverride: { fleetArn: 'arn:x' } }];
  for (const more of starts) await assert.rejects(rig.startBuild({ projectName: 'plain', ...more }), refused);
});

test('tags of a report group are replaced, and an empty list takes them away', async () => {
  const exportConfig = { exportConfigType: 'NO_EXPORT' as const };
  const tags = [{ key: 'team', value: 'a' }];
  const { reportGroup } = await rig.call('codebuild:CreateReportGroup', { name: 'tagged', type: 'TEST', exportConfig, tags });
  const group = reportGroup?.arn ?? '';
  const untouched = await rig.call('codebuild:UpdateReportGroup', { arn: group, exportConfig });
  assert.deepEqual(untouched.reportGroup?.tags, tags);
  await rig.call('codebuild:UpdateReportGroup', { arn: group, tags: [] });
  const { reportGroups = [] } = await rig.call('codebuild:BatchGetReportGroups', { reportGroupArns: [group] });
  assert.deepEqual(reportGroups[0]?.tags, []);
});
