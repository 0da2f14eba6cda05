import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ActionExecutionDetail, PipelineDeclaration } from '../../../src/contract/generated/codepipeline.ts';
import { type Given, judgeInputs } from './permitted-inputs.ts';

const structure = {
  stages: [
    { name: 'Source', actions: [{ name: 'Get', outputArtifacts: [{ name: 'Files' }], namespace: 'Origin' }] },
    { name: 'Work', actions: [{ name: 'Do', inputArtifacts: [{ name: 'Files' }] }] },
  ],
} as unknown as PipelineDeclaration;
const got = (version: string, atMs: number): ActionExecutionDetail => ({
  stageName: 'Source',
  actionName: 'Get',
  status: 'Succeeded',
  startTime: atMs,
  lastUpdateTime: atMs + 1,
  input: { namespace: 'Origin' },
  output: { outputArtifacts: [{ name: 'Files', s3location: { key: version } }], outputVariables: { Version: version } },
});
const done = (version: string, key = version): ActionExecutionDetail => ({
  stageName: 'Work',
  actionName: 'Do',
  status: 'Failed',
  startTime: 9,
  lastUpdateTime: 10,
  input: {
    configuration: { Text: 'about #{Origin.Version} of #{codepipeline.PipelineExecutionId}' },
    resolvedConfiguration: { Text: `about ${version} of x` },
    inputArtifacts: [{ name: 'Files', s3location: { key } }],
  },
});
const judge = (own: ActionExecutionDetail[], more: Partial<Given> = {}) =>
  judgeInputs({ id: 'x', structure, variables: {}, own, inherited: [], ...more });

test('an action has the artifacts and values of the newest attempt in front of it', () => {
  assert.deepEqual(judge([got('1', 1), done('1')]), []);
  assert.deepEqual(judge([got('1', 1), got('2', 3), done('2')]), []);
  assert.match(judge([got('1', 1), got('2', 3), done('1', '2')]).join(), /Do has Text about 1 of x, and not about 2 of x/);
  assert.match(judge([got('1', 1), got('2', 3), done('2', '1')]).join(), /was given Files at 1, and not at 2/);
  assert.match(judge([got('1', 11), done('1')]).join(), /given Files at 1, and not at undefined/);
});

test('a rollback has those of the execution that it goes back to', () => {
  assert.deepEqual(judge([done('1')], { inherited: [got('1', 1)] }), []);
  assert.match(judge([done('2')], { inherited: [got('1', 1)] }).join(), /and not about 1/);
});
