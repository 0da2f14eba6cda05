import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../../models/load.ts';
import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import { createAuthorizer } from '../../platform/authorization/authorizer.ts';
import { checkPolicy } from '../../platform/authorization/parse-policy.ts';
import type { Credential } from '../../platform/authorization/port.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { createDispatcher } from '../../platform/calls/dispatch.ts';
import { systemIds } from '../../platform/ids.ts';
import type { IdentitySnapshot } from '../../platform/ports/routes.ts';
import type { Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { AWS_POLICIES } from './aws-policies.ts';
import { createIdentityRoom } from './room.ts';
import { seedIdentity } from './seed.ts';

const ACCOUNT = '123456789012';
const arnOf = (resource: string) => `arn:aws:iam::${ACCOUNT}:${resource}`;
const policy = (...statements: object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = (Action: string) => ({ Effect: 'Allow', Action, Resource: '*' });
const deny = (Action: string) => ({ Effect: 'Deny', Action, Resource: '*' });
const code = (expected: string, text?: RegExp) => (error: { code?: string; message?: string }) =>
  error.code === expected && (text === undefined || text.test(error.message ?? ''));

interface World {
  readonly store: Store;
  readonly admin: Principal;
  call<N extends OperationName>(name: N, input: InputOf<N>, as?: Principal): Promise<OutputOf<N>>;
  credential(accessKeyId: string): Promise<Credential | undefined>;
  /** What the server says, and what the router says by its newest snapshot. */
  may(principal: Principal, action: string): Promise<boolean>;
  snapshot(): IdentitySnapshot;
}

function withIdentities(run: (world: World) => Promise<void>): Promise<void> {
  return withSqliteStore(async ({ store }) => {
    const clock = { now: () => 1_700_000_000_000, at: () => () => {} };
    let snapshot: IdentitySnapshot | undefined;
    const sealingKey = 'ab'.repeat(32);
    const key = await seedIdentity({ store, clock, ids: systemIds, account: ACCOUNT, sealingKey });
    const room = createIdentityRoom({
      store,
      clock,
      ids: systemIds,
      sealingKey,
      settings: { account: ACCOUNT, roles: 'lenient' },
      routes: {
        publishIdentities: async (published) => {
          snapshot = published;
        },
      },
    });
    const services = [loadService('iam'), loadService('sts')];
    const authorizer = createAuthorizer(room.directory);
    const dispatcher = createDispatcher({ operations: room.operations, services, authorizer, clock, ids: systemIds, store });
    const credential = async (id: string) => (await room.directory.credential(id, undefined)) as Credential | undefined;
    const admin = (await credential(key.accessKeyId))?.principal;
    assert.ok(admin);
    await run({
      store,
      admin,
      call: (name, input, as = admin) => dispatcher.dispatch(name, input, { principal: as, region: 'us-east-1', requestId: 'r' }),
      credential,
      may: async (principal, action) =>
        (await authorizer.authorize(principal, [{ action, resources: ['arn:aws:x:::y'] }])).allowed,
      snapshot: () => snapshot as IdentitySnapshot,
    });
  });
}

async function makeUser({ call, credential }: World, UserName: string): Promise<{ principal: Principal; id: string }> {
  await call('iam:CreateUser', { UserName });
  const { AccessKey } = await call('iam:CreateAccessKey', { UserName });
  const found = await credential(AccessKey.AccessKeyId);
  assert.equal(found?.secretAccessKey, AccessKey.SecretAccessKey);
  assert.ok(found);
  return { principal: found.principal, id: AccessKey.AccessKeyId };
}

test('an access key works at once, and is refused at once when inactive or deleted, also by the router', () =>
  withIdentities(async (world) => {
    const { call, credential, snapshot, store } = world;
    const { id } = await makeUser(world, 'ann');
    const known = () => snapshot().accessKeys.some((key) => key.id === id);
    assert.ok(known());
    await call('iam:UpdateAccessKey', { UserName: 'ann', AccessKeyId: id, Status: 'Inactive' });
    assert.deepEqual([await credential(id), known()], [undefined, false]);
    assert.equal((await call('iam:ListAccessKeys', { UserName: 'ann' })).AccessKeyMetadata[0]?.Status, 'Inactive');
    await call('iam:UpdateAccessKey', { UserName: 'ann', AccessKeyId: id, Status: 'Active' });
    assert.ok((await credential(id)) && known());
    await call('iam:CreateAccessKey', { UserName: 'ann' });
    await assert.rejects(call('iam:CreateAccessKey', { UserName: 'ann' }), code('LimitExceeded', /AccessKeysPerUser: 2/));
    await assert.rejects(call('iam:DeleteAccessKey', { UserName: 'admin', AccessKeyId: id }), code('NoSuchEntity'));
    await assert.rejects(call('iam:DeleteUser', { UserName: 'ann' }), code('DeleteConflict', /delete access keys first/));
    await call('iam:DeleteAccessKey', { UserName: 'ann', AccessKeyId: id });
    assert.deepEqual([await credential(id), known()], [undefined, false]);
    const ledger = JSON.stringify(await store.ledger({ afterSequence: 0, limit: 100 }));
    assert.ok(!ledger.includes('SecretAccessKey') && ledger.includes(id));
  }));

test('what a user may do is its own policies, attached ones and those of its groups; a deny wins; a change counts at once', () =>
  withIdentities(async (world) => {
    const { call, may, snapshot } = world;
    const { principal } = await makeUser(world, 'ann');
    assert.equal(await may(principal, 's3:GetObject'), false);
    await call('iam:AttachUserPolicy', { UserName: 'ann', PolicyArn: 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess' });
    assert.deepEqual([await may(principal, 's3:GetObject'), await may(principal, 's3:PutObject')], [true, false]);
    const { Policy } = await call('iam:CreatePolicy', { PolicyName: 'write', PolicyDocument: policy(allow('s3:Put*')) });
    const PolicyArn = Policy?.Arn ?? '';
    await call('iam:CreateGroup', { GroupName: 'writers' });
    await call('iam:AttachGroupPolicy', { GroupName: 'writers', PolicyArn });
    await call('iam:AddUserToGroup', { GroupName: 'writers', UserName: 'ann' });
    assert.equal(await may(principal, 's3:PutObject'), true);
    await call('iam:PutGroupPolicy', { GroupName: 'writers', PolicyName: 'p', PolicyDocument: policy(allow('sqs:*')) });
    assert.equal(await may(principal, 'sqs:SendMessage'), true);
    await call('iam:CreatePolicyVersion', { PolicyArn, PolicyDocument: policy(deny('s3:Put*')), SetAsDefault: true });
    assert.equal(await may(principal, 's3:PutObject'), false);
    assert.equal(JSON.stringify(snapshot().policies[principal.userId]).includes('"Deny"'), true);
    await call('iam:SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v1' });
    assert.equal(await may(principal, 's3:PutObject'), true);
    await call('iam:RemoveUserFromGroup', { GroupName: 'writers', UserName: 'ann' });
    assert.deepEqual([await may(principal, 's3:PutObject'), await may(principal, 'sqs:SendMessage')], [false, false]);
    await call('iam:DetachUserPolicy', { UserName: 'ann', PolicyArn: 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess' });
    assert.equal(await may(principal, 's3:GetObject'), false);
    assert.deepEqual(snapshot().policies[principal.userId], []);
  }));

test('a role with a managed policy has its rights', () =>
  withIdentities(async ({ call }) => {
    const trust = policy({ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' });
    await call('iam:CreateRole', { RoleName: 'r', AssumeRolePolicyDocument: trust });
    const PolicyArn = 'arn:aws:iam::aws:policy/AmazonSageMakerFullAccess';
    await call('iam:AttachRolePolicy', { RoleName: 'r', PolicyArn });
    await call('iam:AttachRolePolicy', { RoleName: 'r', PolicyArn });
    assert.deepEqual((await call('iam:ListAttachedRolePolicies', { RoleName: 'r' })).AttachedPolicies, [
      { PolicyName: 'AmazonSageMakerFullAccess', PolicyArn },
    ]);
    const simulate = async (PolicySourceArn: string, ActionNames: string[], ResourceArns?: string[]) =>
      (await call('iam:SimulatePrincipalPolicy', { PolicySourceArn, ActionNames, ResourceArns })).EvaluationResults?.map(
        ({ EvalDecision }) => EvalDecision,
      );
    assert.deepEqual(await simulate(arnOf('role/r'), ['sagemaker:CreateTrainingJob', 'iam:CreateUser']), [
      'allowed',
      'implicitDeny',
    ]);
    const bucket = ['arn:aws:s3:::my-sagemaker-bucket/x', 'arn:aws:s3:::other/x'];
    assert.deepEqual(await simulate(arnOf('role/r'), ['s3:PutObject'], bucket), ['allowed', 'implicitDeny']);
    assert.deepEqual(await simulate(arnOf('user/admin'), ['iam:CreateUser']), ['allowed']);
    await assert.rejects(simulate(arnOf('user/nobody'), ['s3:GetObject']), code('NoSuchEntity'));
    await assert.rejects(call('iam:DeleteRole', { RoleName: 'r' }), code('DeleteConflict', /detach all policies first/));
    await assert.rejects(
      call('iam:AttachRolePolicy', { RoleName: 'r', PolicyArn: 'arn:aws:iam::aws:policy/Nonsense' }),
      code('NoSuchEntity', /does not exist or is not attachable/),
    );
    await call('iam:DetachRolePolicy', { RoleName: 'r', PolicyArn });
    await assert.rejects(call('iam:DetachRolePolicy', { RoleName: 'r', PolicyArn }), code('NoSuchEntity'));
    await call('iam:UpdateRole', { RoleName: 'r', MaxSessionDuration: 7200 });
    assert.equal((await call('iam:GetRole', { RoleName: 'r' })).Role.MaxSessionDuration, 7200);
    await call('iam:DeleteRole', { RoleName: 'r' });
  }));

test('policies have versions, are listed, and are not deleted while they count', () =>
  withIdentities(async ({ call }) => {
    const text = policy(allow('s3:*'));
    const { Policy } = await call('iam:CreatePolicy', {
      PolicyName: 'p',
      Path: '/team/',
      PolicyDocument: text,
      Description: 'd',
    });
    const PolicyArn = Policy?.Arn ?? '';
    assert.equal(PolicyArn, arnOf('policy/team/p'));
    assert.deepEqual([Policy?.Description, Policy?.Tags], [undefined, undefined]);
    const { Policy: told } = await call('iam:GetPolicy', { PolicyArn });
    assert.deepEqual([told?.Description, told?.Tags], ['d', []]);
    await assert.rejects(call('iam:CreatePolicy', { PolicyName: 'p', PolicyDocument: text }), code('EntityAlreadyExists'));
    await assert.rejects(call('iam:CreatePolicy', { PolicyName: 'q', PolicyDocument: '{}' }), code('MalformedPolicyDocument'));
    for (let at = 2; at <= 5; at += 1) await call('iam:CreatePolicyVersion', { PolicyArn, PolicyDocument: text });
    await assert.rejects(call('iam:CreatePolicyVersion', { PolicyArn, PolicyDocument: text }), code('LimitExceeded', /up to 5/));
    const versions = (await call('iam:ListPolicyVersions', { PolicyArn })).Versions ?? [];
    assert.deepEqual(
      versions.map(({ VersionId, IsDefaultVersion }) => [VersionId, IsDefaultVersion]),
      [
        ['v1', true],
        ['v2', false],
        ['v3', false],
        ['v4', false],
        ['v5', false],
      ],
    );
    const { PolicyVersion } = await call('iam:GetPolicyVersion', { PolicyArn, VersionId: 'v1' });
    assert.equal(decodeURIComponent(PolicyVersion?.Document ?? ''), text);
    await assert.rejects(call('iam:DeletePolicyVersion', { PolicyArn, VersionId: 'v1' }), code('DeleteConflict'));
    await assert.rejects(call('iam:DeletePolicy', { PolicyArn }), code('DeleteConflict', /more than one version/));
    for (const VersionId of ['v2', 'v3', 'v4', 'v5']) await call('iam:DeletePolicyVersion', { PolicyArn, VersionId });
    await call('iam:CreateUser', { UserName: 'ann' });
    await call('iam:AttachUserPolicy', { UserName: 'ann', PolicyArn });
    assert.equal((await call('iam:GetPolicy', { PolicyArn })).Policy?.AttachmentCount, 1);
    assert.deepEqual(
      (await call('iam:ListEntitiesForPolicy', { PolicyArn })).PolicyUsers?.map(({ UserName }) => UserName),
      ['ann'],
    );
    await assert.rejects(call('iam:DeletePolicy', { PolicyArn }), code('DeleteConflict', /attached to entities/));
    await assert.rejects(call('iam:DeleteUser', { UserName: 'ann' }), code('DeleteConflict', /detach all policies/));
    const names = async (input: InputOf<'iam:ListPolicies'>) =>
      (await call('iam:ListPolicies', input)).Policies?.map(({ PolicyName }) => PolicyName);
    assert.deepEqual(await names({ Scope: 'Local' }), ['p']);
    assert.deepEqual(await names({ OnlyAttached: true }), ['p']);
    assert.equal((await names({ Scope: 'AWS', MaxItems: 1000 }))?.length, AWS_POLICIES.size);
    await call('iam:TagPolicy', { PolicyArn, Tags: [{ Key: 'a', Value: 'b' }] });
    assert.deepEqual((await call('iam:ListPolicyTags', { PolicyArn })).Tags, [{ Key: 'a', Value: 'b' }]);
    await call('iam:DetachUserPolicy', { UserName: 'ann', PolicyArn });
    await call('iam:DeletePolicy', { PolicyArn });
    await assert.rejects(call('iam:GetPolicy', { PolicyArn }), code('NoSuchEntity', /was not found/));
    await assert.rejects(
      call('iam:DeletePolicy', { PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess' }),
      code('AccessDenied', /managed by AWS/),
    );
  }));

test('users: created, found, renamed with keys and policies, tagged, deleted', () =>
  withIdentities(async (world) => {
    const { call, credential, may } = world;
    const { id } = await makeUser(world, 'ann');
    const own = policy(allow('s3:*'), allow('iam:GetUser'));
    await assert.rejects(call('iam:CreateUser', { UserName: 'ann' }), code('EntityAlreadyExists'));
    await call('iam:PutUserPolicy', { UserName: 'ann', PolicyName: 'p', PolicyDocument: own });
    assert.deepEqual((await call('iam:ListUserPolicies', { UserName: 'ann' })).PolicyNames, ['p']);
    const { PolicyDocument } = await call('iam:GetUserPolicy', { UserName: 'ann', PolicyName: 'p' });
    assert.equal(decodeURIComponent(PolicyDocument), own);
    await call('iam:TagUser', { UserName: 'ann', Tags: [{ Key: 'team', Value: 'x' }] });
    assert.deepEqual((await call('iam:GetUser', { UserName: 'ann' })).User.Tags, [{ Key: 'team', Value: 'x' }]);
    await call('iam:UpdateUser', { UserName: 'ann', NewUserName: 'anna', NewPath: '/team/' });
    const renamed = (await credential(id))?.principal;
    assert.equal(renamed?.arn, arnOf('user/team/anna'));
    assert.ok(renamed && (await may(renamed, 's3:GetObject')));
    await assert.rejects(call('iam:GetUser', { UserName: 'ann' }), code('NoSuchEntity'));
    assert.deepEqual(
      (await call('iam:ListUsers', {})).Users.map(({ UserName }) => UserName),
      ['admin', 'anna'],
    );
    assert.deepEqual(
      (await call('iam:ListUsers', { PathPrefix: '/team/' })).Users.map(({ UserName }) => UserName),
      ['anna'],
    );
    const page = await call('iam:ListUsers', { MaxItems: 1 });
    assert.deepEqual(
      (await call('iam:ListUsers', { Marker: page.Marker })).Users.map(({ UserName }) => UserName),
      ['anna'],
    );
    assert.equal((await call('iam:GetUser', {}, renamed)).User.UserName, 'anna');
    await assert.rejects(call('iam:DeleteUser', { UserName: 'anna' }), code('DeleteConflict'));
    await call('iam:DeleteAccessKey', { UserName: 'anna', AccessKeyId: id });
    await assert.rejects(call('iam:DeleteUser', { UserName: 'anna' }), code('DeleteConflict', /delete policies first/));
    await call('iam:DeleteUserPolicy', { UserName: 'anna', PolicyName: 'p' });
    await call('iam:DeleteUser', { UserName: 'anna' });
    await assert.rejects(
      call('iam:PutUserPolicy', { UserName: 'admin', PolicyName: 'p', PolicyDocument: policy(allow(`s3:${'x'.repeat(2100)}`)) }),
      code('LimitExceeded', /2048 bytes exceeded for user admin/),
    );
  }));

test('groups: members, policies, refusals; one that has members stays', () =>
  withIdentities(async (world) => {
    const { call } = world;
    const { principal } = await makeUser(world, 'ann');
    const { Group } = await call('iam:CreateGroup', { GroupName: 'g', Path: '/x/' });
    assert.equal(Group.Arn, arnOf('group/x/g'));
    await assert.rejects(call('iam:CreateGroup', { GroupName: 'g' }), code('EntityAlreadyExists'));
    await call('iam:AddUserToGroup', { GroupName: 'g', UserName: 'ann' });
    assert.deepEqual(
      (await call('iam:GetGroup', { GroupName: 'g' })).Users.map(({ UserName }) => UserName),
      ['ann'],
    );
    assert.deepEqual(
      (await call('iam:ListGroupsForUser', { UserName: 'ann' })).Groups.map(({ GroupName }) => GroupName),
      ['g'],
    );
    assert.deepEqual(
      (await call('iam:ListGroups', {})).Groups.map(({ GroupName }) => GroupName),
      ['g'],
    );
    await assert.rejects(call('iam:DeleteGroup', { GroupName: 'g' }), code('DeleteConflict', /remove users from group first/));
    await call('iam:AttachGroupPolicy', { GroupName: 'g', PolicyArn: 'arn:aws:iam::aws:policy/AmazonSQSFullAccess' });
    await call('iam:UpdateGroup', { GroupName: 'g', NewGroupName: 'h', NewPath: '/y/' });
    assert.equal((await call('iam:GetGroup', { GroupName: 'h' })).Group.Arn, arnOf('group/y/h'));
    assert.equal(await world.may(principal, 'sqs:SendMessage'), true);
    await assert.rejects(call('iam:GetGroup', { GroupName: 'g' }), code('NoSuchEntity'));
    const { AttachmentCount } =
      (await call('iam:GetPolicy', { PolicyArn: 'arn:aws:iam::aws:policy/AmazonSQSFullAccess' })).Policy ?? {};
    assert.equal(AttachmentCount, 1);
    await call('iam:UpdateGroup', { GroupName: 'h', NewGroupName: 'g' });
    await call('iam:DetachGroupPolicy', { GroupName: 'g', PolicyArn: 'arn:aws:iam::aws:policy/AmazonSQSFullAccess' });
    await call('iam:RemoveUserFromGroup', { GroupName: 'g', UserName: 'ann' });
    await assert.rejects(
      call('iam:RemoveUserFromGroup', { GroupName: 'g', UserName: 'ann' }),
      code('NoSuchEntity', /not in group g/),
    );
    await call('iam:DeleteGroup', { GroupName: 'g' });
    await assert.rejects(
      call('iam:AddUserToGroup', { GroupName: 'g', UserName: 'ann' }),
      code('NoSuchEntity', /group with name g/),
    );
  }));

test('joining a group and deleting it, attaching a policy and deleting it: never both', () =>
  withIdentities(async (world) => {
    const { call, may } = world;
    const { principal } = await makeUser(world, 'ann');
    for (let round = 0; round < 6; round += 1) {
      const GroupName = `g${round}`;
      const { Policy } = await call('iam:CreatePolicy', { PolicyName: `p${round}`, PolicyDocument: policy(deny('sqs:*')) });
      await call('iam:CreateGroup', { GroupName });
      await Promise.allSettled([
        call('iam:AddUserToGroup', { GroupName, UserName: 'ann' }),
        call('iam:DeleteGroup', { GroupName }),
        call('iam:AttachUserPolicy', { UserName: 'ann', PolicyArn: Policy?.Arn ?? '' }),
        call('iam:DeletePolicy', { PolicyArn: Policy?.Arn ?? '' }),
      ]);
      assert.equal(await may(principal, 's3:GetObject'), false);
    }
  }));

test('the policies of AWS are well-formed', () => {
  for (const { name, document } of AWS_POLICIES.values()) assert.ok('document' in checkPolicy(document, 'identity'), name);
});
