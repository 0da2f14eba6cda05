import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOutput } from '../output.ts';
import type { Project } from './environments.ts';
import { type Answers, Refusal, withServer } from './server-rig.ts';
import { setUpProject } from './set-up.ts';

const PROJECT: Project = { project: 'tumour', modelPackageGroup: 'tumour', folder: '/nowhere', environments: {} };

/** A server where the roles are there already, with these tags. */
const withRoles = (tags: string): Answers => ({
  CreateRole: () => {
    throw new Refusal('EntityAlreadyExists', 'Role already exists.', 409);
  },
  ListRoleTags: () => tags,
  UpdateAssumeRolePolicy: () => '',
  PutRolePolicy: () => '',
});
const setUp = async (answers: Answers): Promise<{ readonly calls: string[]; readonly error: Error }> => {
  let made: { calls: string[]; error: Error } | undefined;
  await withServer(answers, async (connection, calls) => {
    const error = await setUpProject(connection, createOutput(true), PROJECT).then(
      () => new Error('none'),
      (problem: Error) => problem,
    );
    made = { calls, error };
  });
  return made as { calls: string[]; error: Error };
};

test('a role of that name that is not the project’s gets no rights', async () => {
  const { calls, error } = await setUp(withRoles('<Tags></Tags>'));
  assert.match(error.message, /role tumour-build .*slipway:project/);
  assert.ok(!calls.includes('PutRolePolicy') && !calls.includes('UpdateAssumeRolePolicy'), calls.join());
});

test('the project’s own role is brought up to date, with whom it trusts', async () => {
  const { calls } = await setUp(withRoles('<member><Key>slipway:project</Key><Value>tumour</Value></member>'));
  assert.deepEqual(
    calls.filter((name) => /Role/.test(name)),
    [1, 2].flatMap(() => ['CreateRole', 'ListRoleTags', 'UpdateAssumeRolePolicy', 'PutRolePolicy']),
  );
});
