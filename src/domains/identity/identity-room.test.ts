import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../../models/load.ts';
import type { InputOf, OperationName } from '../../contract/operations.ts';
import { createAuthorizer, decideAccess } from '../../platform/authorization/authorizer.ts';
import { JOB_SESSION_POLICY } from '../../platform/authorization/job-session-policy.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { createDispatcher } from '../../platform/calls/dispatch.ts';
import { systemIds } from '../../platform/ids.ts';
import type { LedgerInput } from '../../platform/ledger/entry.ts';
import type { IdentitySnapshot } from '../../platform/ports/routes.ts';
import type { Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { DEFAULT_ROLE } from './resources.ts';
import { createIdentityRoom } from './room.ts';
import { seedIdentity } from './seed.ts';

const ACCOUNT = '123456789012';
const SEALING_KEY = 'ab'.repeat(32);
const DEFAULT_ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/${DEFAULT_ROLE}`;
const TRUST_ACCOUNT = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root`, Service: 'sagemaker.amazonaws.com' },
      Action: 'sts:AssumeRole',
    },
  ],
});
const ALLOW_ALL = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}';

interface World {
  readonly store: Store;
  readonly room: ReturnType<typeof createIdentityRoom>;
  readonly clock: { nowMs: number };
  readonly admin: Principal;
  readonly published: IdentitySnapshot[];
  call<N extends OperationName>(principal: Principal, name: N, input: InputOf<N>): Promise<unknown>;
  principalOf(credentials: { AccessKeyId: string; SessionToken: string }): Promise<Principal | string>;
  ledger(): Promise<LedgerInput[]>;
}

function withWorld(roles: 'lenient' | 'strict', run: (world: World) => Promise<void>): Promise<void> {
  return withSqliteStore(async ({ store }) => {
    const time = { nowMs: 1_700_000_000_000 };
    const clock = { now: () => time.nowMs, at: () => () => {} };
    const published: IdentitySnapshot[] = [];
    const key = await seedIdentity({ store, clock, ids: systemIds, account: ACCOUNT, sealingKey: SEALING_KEY });
    const room = createIdentityRoom({
      store,
      clock,
      ids: systemIds,
      sealingKey: SEALING_KEY,
      settings: { account: ACCOUNT, roles },
      routes: { publishIdentities: async (snapshot) => void published.push(snapshot) },
    });
    const services = [loadService('iam'), loadService('sts')];
    const authorizer = createAuthorizer(room.directory);
    const dispatcher = createDispatcher({ operations: room.operations, services, authorizer, clock, ids: systemIds, store });
    const credential = await room.directory.credential(key.accessKeyId, undefined);
    assert.ok(credential && 'principal' in credential);
    assert.equal(credential.secretAccessKey, key.secretAccessKey);
    await run({
      store,
      room,
      clock: time,
      admin: credential.principal,
      published,
      call: (principal, name, input) => dispatcher.dispatch(name, input, { principal, region: 'us-east-1', requestId: 'r' }),
      async principalOf({ AccessKeyId, SessionToken }) {
        const found = await room.directory.credential(AccessKeyId, SessionToken);
        return !found ? 'unknown' : 'problem' in found ? found.problem : found.principal;
      },
      ledger: async () => (await store.ledger({ afterSequence: 0, limit: 1_000 })).map(({ entry }) => entry),
    });
  });
}

interface Assumed {
  Credentials: { AccessKeyId: string; SecretAccessKey: string; SessionToken: string; Expiration: number };
  AssumedRoleUser: { Arn: string; AssumedRoleId: string };
}

const assume = async (
  { call }: World,
  principal: Principal,
  input: Partial<InputOf<'sts:AssumeRole'>> & { RoleArn: string },
): Promise<Assumed> => (await call(principal, 'sts:AssumeRole', { RoleSessionName: 'session', ...input })) as Assumed;

const roleArn = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;

async function makeRole({ call, admin }: World, name: string, policy = ALLOW_ALL): Promise<void> {
  await call(admin, 'iam:CreateRole', { RoleName: name, AssumeRolePolicyDocument: TRUST_ACCOUNT });
  await call(admin, 'iam:PutRolePolicy', { RoleName: name, PolicyName: 'p', PolicyDocument: policy });
}

test('seeding is done once; later starts find the same key', () =>
  withWorld('lenient', async ({ store, admin, ledger }) => {
    const again = await seedIdentity({
      store,
      clock: { now: () => 5, at: () => () => {} },
      ids: systemIds,
      account: ACCOUNT,
      sealingKey: SEALING_KEY,
    });
    assert.equal(again.accessKeyId, admin.accessKeyId);
    assert.equal(admin.arn, `arn:aws:iam::${ACCOUNT}:user/admin`);
    const entries = await ledger();
    assert.deepEqual(entries.map(({ action }) => action).sort(), [
      'slipway:AccessKey.Created',
      'slipway:Role.Created',
      'slipway:User.Created',
    ]);
    assert.doesNotMatch(JSON.stringify(entries), new RegExp(again.secretAccessKey.slice(0, 20).replace(/[+/]/g, '.')));
    await assert.rejects(
      seedIdentity({
        store,
        clock: { now: () => 5, at: () => () => {} },
        ids: systemIds,
        account: ACCOUNT,
        sealingKey: 'cd'.repeat(32),
      }),
      { name: 'ConfigError' },
    );
  }));

test('roles: create, get, list by page and path, inline policies, tags, delete', () =>
  withWorld('lenient', async (world) => {
    const { call, admin, published, ledger } = world;
    const created = (await call(admin, 'iam:CreateRole', {
      RoleName: 'a',
      Path: '/service-role/',
      Description: 'd',
      AssumeRolePolicyDocument: TRUST_ACCOUNT,
      Tags: [{ Key: 'team', Value: 'x' }],
    })) as { Role: { Arn: string; RoleId: string } };
    assert.equal(created.Role.Arn, `arn:aws:iam::${ACCOUNT}:role/service-role/a`);
    assert.match(created.Role.RoleId, /^AROA[A-Z2-7]{17}$/);
    await assert.rejects(call(admin, 'iam:CreateRole', { RoleName: 'a', AssumeRolePolicyDocument: TRUST_ACCOUNT }), {
      code: 'EntityAlreadyExists',
      message: 'Role with name a already exists.',
    });
    await assert.rejects(call(admin, 'iam:CreateRole', { RoleName: 'b', AssumeRolePolicyDocument: '{}' }), {
      code: 'MalformedPolicyDocument',
    });
    for (const name of ['b', 'c', 'd']) await makeRole(world, name);
    const first = (await call(admin, 'iam:ListRoles', { MaxItems: 3 })) as {
      Roles: { RoleName: string }[];
      IsTruncated: boolean;
      Marker?: string;
    };
    assert.deepEqual([first.Roles.map(({ RoleName }) => RoleName), first.IsTruncated], [[DEFAULT_ROLE, 'a', 'b'], true]);
    const second = (await call(admin, 'iam:ListRoles', {
      ...(first.Marker !== undefined && { Marker: first.Marker }),
    })) as typeof first;
    assert.deepEqual([second.Roles.map(({ RoleName }) => RoleName), second.IsTruncated], [['c', 'd'], false]);
    const below = (await call(admin, 'iam:ListRoles', { PathPrefix: '/service-role/', MaxItems: 1 })) as typeof first;
    assert.deepEqual([below.Roles.map(({ RoleName }) => RoleName), below.IsTruncated], [['a'], false]);
    await call(admin, 'iam:PutRolePolicy', { RoleName: 'a', PolicyName: 'in', PolicyDocument: ALLOW_ALL });
    const policy = (await call(admin, 'iam:GetRolePolicy', { RoleName: 'a', PolicyName: 'in' })) as { PolicyDocument: string };
    assert.equal(decodeURIComponent(policy.PolicyDocument), ALLOW_ALL);
    assert.deepEqual(await call(admin, 'iam:ListRolePolicies', { RoleName: 'a' }), { PolicyNames: ['in'], IsTruncated: false });
    await call(admin, 'iam:TagRole', {
      RoleName: 'a',
      Tags: [
        { Key: 'Team', Value: 'y' },
        { Key: 'n', Value: '1' },
      ],
    });
    await call(admin, 'iam:UntagRole', { RoleName: 'a', TagKeys: ['n'] });
    assert.deepEqual(await call(admin, 'iam:ListRoleTags', { RoleName: 'a' }), {
      Tags: [{ Key: 'Team', Value: 'y' }],
      IsTruncated: false,
    });
    await assert.rejects(call(admin, 'iam:DeleteRole', { RoleName: 'a' }), {
      code: 'DeleteConflict',
      message: 'Cannot delete entity, must delete policies first.',
    });
    await call(admin, 'iam:DeleteRolePolicy', { RoleName: 'a', PolicyName: 'in' });
    await call(admin, 'iam:DeleteRole', { RoleName: 'a' });
    await assert.rejects(call(admin, 'iam:GetRole', { RoleName: 'a' }), {
      code: 'NoSuchEntity',
      message: 'The role with name a cannot be found.',
    });
    const kept = (await call(admin, 'iam:GetRole', { RoleName: 'b' })) as { Role: { RoleId: string } };
    assert.equal(published.at(-1)?.policies[created.Role.RoleId], undefined);
    assert.ok(published.at(-1)?.policies[kept.Role.RoleId]);
    const actions = (await ledger()).filter(({ resources }) => resources.includes(created.Role.Arn)).map(({ action }) => action);
    assert.deepEqual(
      actions,
      ['CreateRole', 'PutRolePolicy', 'TagRole', 'UntagRole', 'DeleteRolePolicy', 'DeleteRole'].map((name) => `iam:${name}`),
    );
  }));

test('writers that meet on one role all get through', () =>
  withWorld('lenient', async (world) => {
    await makeRole(world, 'r');
    const names = Array.from({ length: 12 }, (_, index) => `p${index}`);
    await Promise.all(
      names.map((PolicyName) =>
        world.call(world.admin, 'iam:PutRolePolicy', { RoleName: 'r', PolicyName, PolicyDocument: ALLOW_ALL }),
      ),
    );
    const listed = (await world.call(world.admin, 'iam:ListRolePolicies', { RoleName: 'r' })) as { PolicyNames: string[] };
    assert.deepEqual(listed.PolicyNames.sort(), ['p', ...names].sort());
  }));

test('a session has its role’s rights, as they are now, and dies with the role', () =>
  withWorld('lenient', async (world) => {
    const { call, admin, principalOf, clock } = world;
    await makeRole(world, 'r', '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetRole","Resource":"*"}}');
    const { Credentials, AssumedRoleUser } = await assume(world, admin, { RoleArn: roleArn('r'), DurationSeconds: 900 });
    assert.equal(Credentials.Expiration, clock.nowMs + 900_000);
    assert.equal(AssumedRoleUser.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/r/session`);
    const session = (await principalOf(Credentials)) as Principal;
    assert.equal(session.arn, AssumedRoleUser.Arn);
    assert.deepEqual(await call(session, 'sts:GetCallerIdentity', {}), {
      UserId: AssumedRoleUser.AssumedRoleId,
      Account: ACCOUNT,
      Arn: session.arn,
    });
    await call(session, 'iam:GetRole', { RoleName: 'r' });
    await assert.rejects(call(session, 'iam:ListRoles', {}), { code: 'AccessDenied' });
    await call(admin, 'iam:PutRolePolicy', { RoleName: 'r', PolicyName: 'p', PolicyDocument: ALLOW_ALL });
    await call(session, 'iam:ListRoles', {});
    await assert.rejects(call(session, 'iam:GetUser', {}), { code: 'ValidationError' });
    await call(admin, 'iam:DeleteRolePolicy', { RoleName: 'r', PolicyName: 'p' });
    await assert.rejects(call(session, 'iam:ListRoles', {}), { code: 'AccessDenied' });
    await call(admin, 'iam:DeleteRole', { RoleName: 'r' });
    assert.equal(await principalOf(Credentials), 'invalid-token');
    await makeRole(world, 'r');
    assert.equal(await principalOf(Credentials), 'invalid-token', 'a new role of the old name is another role');
    const fresh = await assume(world, admin, { RoleArn: roleArn('r') });
    clock.nowMs += 3_600_001;
    assert.equal(await principalOf(fresh.Credentials), 'expired');
  }));

test('AssumeRole asks the trust policy, and what it refuses is in the ledger', () =>
  withWorld('strict', async (world) => {
    const { admin, call, ledger } = world;
    const message = `User: ${admin.arn} is not authorized to perform: sts:AssumeRole on resource: `;
    const trustService = TRUST_ACCOUNT.replace(/"AWS":"[^"]*",/, '');
    await call(admin, 'iam:CreateRole', { RoleName: 'of-a-service', AssumeRolePolicyDocument: trustService });
    await assert.rejects(assume(world, admin, { RoleArn: roleArn('of-a-service') }), {
      code: 'AccessDenied',
      message: message + roleArn('of-a-service'),
    });
    await assert.rejects(assume(world, admin, { RoleArn: roleArn('absent') }), {
      code: 'AccessDenied',
      message: message + roleArn('absent'),
    });
    assert.equal((await ledger()).filter(({ outcome, action }) => outcome === 'denied' && action === 'sts:AssumeRole').length, 2);
    await makeRole(world, 'r');
    await assert.rejects(
      assume(world, admin, { RoleArn: roleArn('r'), DurationSeconds: 7_200 }),
      /exceeds the MaxSessionDuration/,
    );
    await assert.rejects(assume(world, admin, { RoleArn: roleArn('r'), Policy: '{"Statement":[]}' }), {
      code: 'MalformedPolicyDocument',
    });
    await assert.rejects(assume(world, admin, { RoleArn: roleArn('r'), PolicyArns: [{ arn: 'arn:aws:iam::aws:policy/None' }] }), {
      code: 'NoSuchEntity',
    });
  }));

test('a session policy restricts; what an outer session is denied, an inner one is too', () =>
  withWorld('lenient', async (world) => {
    const { call, admin, principalOf, room } = world;
    await makeRole(world, 'r');
    const Policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetRole","Resource":"*"}}';
    const narrow = (await principalOf((await assume(world, admin, { RoleArn: roleArn('r'), Policy })).Credentials)) as Principal;
    await call(narrow, 'iam:GetRole', { RoleName: 'r' });
    await assert.rejects(call(narrow, 'iam:ListRoles', {}), /because no session policy allows the iam:ListRoles action/);
    const job = await room.sessions.assume({
      account: ACCOUNT,
      roleArn: roleArn('r'),
      service: 'sagemaker.amazonaws.com',
      sessionName: 'job/1',
      sessionPolicy: JOB_SESSION_POLICY,
    });
    assert.equal(job.arn, `arn:aws:sts::${ACCOUNT}:assumed-role/r/job-1`);
    await assert.rejects(call(job, 'iam:DeleteRole', { RoleName: 'r' }), /with an explicit deny in a session policy/);
    const inner = (await principalOf((await assume(world, job, { RoleArn: roleArn('r') })).Credentials)) as Principal;
    await assert.rejects(call(inner, 'iam:DeleteRole', { RoleName: 'r' }), /with an explicit deny in a session policy/);
    const policies = await room.directory.policiesOf(inner);
    assert.equal(decideAccess(inner, policies, [{ action: 'sagemaker:UpdateModelPackage', resources: ['*'] }]).allowed, false);
    assert.equal(decideAccess(inner, policies, [{ action: 's3:GetObject', resources: ['*'] }]).allowed, true);
  }));

test('managed policies restrict a session as its own policy does', () =>
  withWorld('lenient', async (world) => {
    await makeRole(world, 'r');
    const authorizer = createAuthorizer(world.room.directory);
    const may = async (input: Partial<InputOf<'sts:AssumeRole'>>, action: string) => {
      const principal = await world.principalOf(
        (await assume(world, world.admin, { RoleArn: roleArn('r'), ...input })).Credentials,
      );
      assert.ok(typeof principal === 'object');
      return (await authorizer.authorize(principal, [{ action, resources: ['arn:aws:x:::y'] }])).allowed;
    };
    const PolicyArns = [{ arn: 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess' }];
    const Policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}';
    assert.deepEqual([await may({ PolicyArns }, 's3:GetObject'), await may({ PolicyArns }, 'sqs:SendMessage')], [true, false]);
    assert.deepEqual(
      [await may({ PolicyArns, Policy }, 's3:GetObject'), await may({ PolicyArns, Policy }, 'sqs:SendMessage')],
      [true, true],
    );
    assert.equal(await may({ PolicyArns, Policy }, 's3:PutObject'), false);
  }));

test('services assume: an absent role leads to the default one under lenient, and to a refusal under strict', async () => {
  const request = {
    account: ACCOUNT,
    roleArn: 'arn:aws:iam::999999999999:role/service-role/Elsewhere',
    service: 'sagemaker.amazonaws.com',
    sessionName: 's',
  };
  await withWorld('lenient', async ({ room, principalOf }) => {
    const principal = await room.sessions.assume({ ...request, onBehalfOf: 'arn:job' });
    assert.deepEqual([principal.name, principal.requestedRoleArn], [DEFAULT_ROLE, request.roleArn]);
    assert.deepEqual(await room.sessions.resolve(ACCOUNT, request.roleArn), { effectiveRoleArn: DEFAULT_ROLE_ARN });
    const own = await room.sessions.assume({ ...request, roleArn: DEFAULT_ROLE_ARN });
    assert.equal(own.requestedRoleArn, undefined);
    const { accessKeyId, sessionToken } = room.sessions.credentials(principal, 900);
    assert.deepEqual(await principalOf({ AccessKeyId: accessKeyId, SessionToken: sessionToken }), { ...principal, accessKeyId });
    await assert.rejects(
      room.sessions.assume({ ...request, service: 'ec2.amazonaws.com' }),
      /allows principal 'ec2.amazonaws.com' to assume the role/,
    );
  });
  await withWorld('strict', async ({ room }) => {
    const refusal = {
      code: 'ValidationException',
      message: /^Could not assume role arn:aws:iam::999999999999:role\/service-role\/Elsewhere\. Please ensure/,
    };
    await assert.rejects(room.sessions.assume(request), refusal);
    await assert.rejects(room.sessions.resolve(ACCOUNT, request.roleArn), refusal);
  });
});

test('the router’s snapshot holds every key and policy, and a change is acknowledged after it', () =>
  withWorld('lenient', async (world) => {
    await world.room.publish();
    const [snapshot] = world.published;
    assert.deepEqual(
      snapshot?.accessKeys.map(({ principal }) => principal.name),
      ['admin'],
    );
    const ids = Object.keys(snapshot?.policies ?? {}).sort();
    assert.deepEqual(
      ids.map((id) => id.slice(0, 4)),
      ['AIDA', 'AROA'],
    );
    assert.ok(ids.includes(snapshot?.accessKeys[0]?.principal.userId ?? ''));
    const before = world.published.length;
    await makeRole(world, 'r');
    assert.equal(world.published.length, before + 2);
  }));
