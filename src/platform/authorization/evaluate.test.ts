import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createAuthorizer, decideAccess } from './authorizer.ts';
import { evaluatePolicies, evaluateTrust } from './evaluate.ts';
import { JOB_SESSION_POLICY } from './job-session-policy.ts';
import { parsePolicy } from './parse-policy.ts';
import type { PolicyDocument, PolicyStatement } from './policy.ts';
import type { Principal } from './principal.ts';

const allow = (rest: Partial<PolicyStatement>): PolicyStatement => ({ Effect: 'Allow', Action: '*', Resource: '*', ...rest });
const deny = (rest: Partial<PolicyStatement>): PolicyStatement => ({ Effect: 'Deny', Action: '*', Resource: '*', ...rest });
const document = (...Statement: PolicyStatement[]): PolicyDocument => ({ Version: '2012-10-17', Statement });

type Context = Record<string, string | string[]>;
const contextOf = (context: Context) =>
  new Map(Object.entries(context).map(([key, value]) => [key.toLowerCase(), Array.isArray(value) ? value : [value]]));

function verdict(policy: PolicyDocument, action: string, resource = 'arn:aws:s3:::b/k', context: Context = {}) {
  return evaluatePolicies([policy], { action, resource, context: contextOf(context) });
}

/** Whether one condition lets a request through. */
const holds = (operator: string, values: Record<string, string | string[]>, context: Context): boolean =>
  verdict(document(allow({ Condition: { [operator]: values } })), 's3:GetObject', '*', context) === 'allow';

test('nothing is allowed by default, an explicit deny wins over any allow', () => {
  assert.equal(evaluatePolicies([], { action: 'a:b', resource: '*', context: new Map() }), 'implicit-deny');
  assert.equal(verdict(document(allow({ Action: 's3:Get*' })), 's3:GetObject'), 'allow');
  assert.equal(verdict(document(allow({ Action: 's3:Get*' })), 's3:PutObject'), 'implicit-deny');
  assert.equal(verdict(document(allow({}), deny({ Action: 's3:PutObject' })), 'S3:putobject'), 'explicit-deny');
});

test('actions ignore case, resources do not; Not… turns around', () => {
  assert.equal(verdict(document(allow({ Action: 'S3:getobject' })), 's3:GetObject'), 'allow');
  assert.equal(verdict(document(allow({ Resource: 'arn:aws:s3:::B/*' })), 's3:GetObject'), 'implicit-deny');
  const { Action: _action, ...notAction } = allow({ NotAction: ['iam:*', 's3:Delete?'] });
  assert.equal(verdict(document(notAction), 's3:GetObject'), 'allow');
  assert.equal(verdict(document(notAction), 'iam:GetRole'), 'implicit-deny');
  const { Resource: _resource, ...notResource } = allow({ NotResource: 'arn:aws:s3:::b/*' });
  assert.equal(verdict(document(notResource), 's3:GetObject'), 'implicit-deny');
  assert.equal(verdict(document(notResource), 's3:GetObject', 'arn:aws:s3:::c/k'), 'allow');
});

test('policy variables: values are literal, absent ones match nothing, defaults and escapes work', () => {
  const home = document(allow({ Resource: 'arn:aws:s3:::b/${aws:username}/*' }));
  assert.equal(verdict(home, 's3:GetObject', 'arn:aws:s3:::b/ann/x', { 'aws:username': 'ann' }), 'allow');
  assert.equal(verdict(home, 's3:GetObject', 'arn:aws:s3:::b/bob/x', { 'aws:username': '*' }), 'implicit-deny');
  assert.equal(verdict(home, 's3:GetObject', 'arn:aws:s3:::b//x', {}), 'implicit-deny');
  const fallback = document(allow({ Resource: "arn:aws:s3:::b/${aws:PrincipalTag/team, 'shared'}/*" }));
  assert.equal(verdict(fallback, 's3:GetObject', 'arn:aws:s3:::b/shared/x'), 'allow');
  const star = document(allow({ Resource: 'arn:aws:s3:::b/${*}' }));
  assert.equal(verdict(star, 's3:GetObject', 'arn:aws:s3:::b/*'), 'allow');
  assert.equal(verdict(star, 's3:GetObject', 'arn:aws:s3:::b/k'), 'implicit-deny');
});

test('wildcards cannot be made to take long', () => {
  const pattern = `${'*a'.repeat(200)}b`;
  assert.equal(verdict(document(allow({ Resource: pattern })), 's3:GetObject', 'a'.repeat(5_000)), 'implicit-deny');
  assert.equal(verdict(document(allow({ Resource: pattern })), 's3:GetObject', `${'a'.repeat(5_000)}b`), 'allow');
});

test('condition operators', () => {
  assert.equal(holds('StringEquals', { 'k:a': ['x', 'y'] }, { 'K:A': 'y' }), true);
  assert.equal(holds('StringEquals', { 'k:a': 'x*' }, { 'k:a': 'xx' }), false);
  assert.equal(holds('StringLike', { 'k:a': 'x*' }, { 'k:a': 'xx' }), true);
  assert.equal(holds('StringEqualsIgnoreCase', { 'k:a': 'AbC' }, { 'k:a': 'aBc' }), true);
  assert.equal(holds('StringEquals', { 'k:a': 'x' }, {}), false);
  assert.equal(holds('StringNotEquals', { 'k:a': 'x' }, {}), true);
  assert.equal(holds('StringNotEquals', { 'k:a': ['x', 'y'] }, { 'k:a': 'y' }), false);
  assert.equal(holds('StringEqualsIfExists', { 'k:a': 'x' }, {}), true);
  assert.equal(holds('StringEqualsIfExists', { 'k:a': 'x' }, { 'k:a': 'y' }), false);
  assert.equal(holds('NumericLessThanEquals', { 'k:n': '10' }, { 'k:n': '9.5' }), true);
  assert.equal(holds('NumericLessThan', { 'k:n': '10' }, { 'k:n': 'many' }), false);
  assert.equal(
    holds('DateGreaterThan', { 'aws:CurrentTime': '2024-01-01T00:00:00Z' }, { 'aws:CurrentTime': '2024-06-01T00:00:00Z' }),
    true,
  );
  assert.equal(holds('DateLessThan', { 'aws:EpochTime': '2024-01-01T00:00:00Z' }, { 'aws:EpochTime': '1717200000' }), false);
  assert.equal(holds('Bool', { 'k:b': 'true' }, { 'k:b': 'True' }), true);
  assert.equal(holds('Null', { 'k:a': 'true' }, {}), true);
  assert.equal(holds('Null', { 'k:a': 'false' }, {}), false);
  assert.equal(holds('IpAddress', { 'aws:SourceIp': ['10.0.0.0/8', '2001:db8::/32'] }, { 'aws:SourceIp': '10.2.3.4' }), true);
  assert.equal(
    holds('IpAddress', { 'aws:SourceIp': ['10.0.0.0/8', '2001:db8::/32'] }, { 'aws:SourceIp': '2001:db8:1::5' }),
    true,
  );
  assert.equal(holds('IpAddress', { 'aws:SourceIp': '127.0.0.1' }, { 'aws:SourceIp': '::ffff:127.0.0.1' }), true);
  assert.equal(holds('NotIpAddress', { 'aws:SourceIp': '10.0.0.0/8' }, { 'aws:SourceIp': '11.0.0.1' }), true);
  assert.equal(holds('IpAddress', { 'aws:SourceIp': '10.0.0.0/99' }, { 'aws:SourceIp': '10.0.0.1' }), false);
  assert.equal(holds('ArnLike', { 'aws:SourceArn': 'arn:aws:s3:*:*:b*' }, { 'aws:SourceArn': 'arn:aws:s3:::bucket' }), true);
  assert.equal(holds('ArnLike', { 'aws:SourceArn': 'arn:aws:*:b' }, { 'aws:SourceArn': 'arn:aws:s3:::b' }), false);
});

test('several values of a key: ForAnyValue and ForAllValues', () => {
  const both = { 'k:tags': ['a', 'b'] };
  assert.equal(holds('ForAllValues:StringEquals', { 'k:tags': ['a', 'b', 'c'] }, both), true);
  assert.equal(holds('ForAllValues:StringEquals', { 'k:tags': ['a'] }, both), false);
  assert.equal(holds('ForAnyValue:StringEquals', { 'k:tags': ['a'] }, both), true);
  assert.equal(holds('ForAnyValue:StringNotEquals', { 'k:tags': ['a'] }, both), true);
  assert.equal(holds('ForAllValues:StringNotEquals', { 'k:tags': ['a'] }, both), false);
  assert.equal(holds('ForAllValues:StringEquals', { 'k:tags': ['a'] }, {}), true);
  assert.equal(holds('ForAnyValue:StringEquals', { 'k:tags': ['a'] }, {}), false);
});

const user: Principal = {
  kind: 'user',
  account: '123456789012',
  arn: 'arn:aws:iam::123456789012:user/ann',
  userId: 'AIDA1',
  name: 'ann',
};
const session: Principal = {
  kind: 'role-session',
  account: '123456789012',
  arn: 'arn:aws:sts::123456789012:assumed-role/r/s',
  userId: 'AROA1:s',
  name: 'r',
};
const messageOf = (principal: Principal, policies: PolicyDocument[], action = 'sagemaker:CreateModel') => {
  const decision = decideAccess(principal, policies, [{ action, resources: ['arn:aws:x:::y'] }]);
  return decision.allowed ? 'allowed' : decision.message;
};

test('decisions speak in the words of AWS', async () => {
  assert.equal(
    messageOf(user, []),
    'User: arn:aws:iam::123456789012:user/ann is not authorized to perform: sagemaker:CreateModel on resource: arn:aws:x:::y because no identity-based policy allows the sagemaker:CreateModel action',
  );
  assert.match(messageOf(user, [document(allow({}), deny({}))]), /with an explicit deny in an identity-based policy$/);
  const bounded = { ...session, sessionPolicy: document(allow({ Action: 's3:*' })) };
  assert.match(messageOf(bounded, [document(allow({}))]), /because no session policy allows the sagemaker:CreateModel action$/);
  assert.match(
    messageOf({ ...session, sessionPolicy: document(deny({})) }, [document(allow({}))]),
    /with an explicit deny in a session policy$/,
  );
  assert.equal(messageOf(bounded, [document(allow({}))], 's3:GetObject'), 'allowed');
  const authorizer = createAuthorizer({
    policiesOf: async () => [document(allow({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }))],
  });
  assert.equal(
    (await authorizer.authorize(user, [{ action: 's3:GetObject', resources: ['*'] }], { sourceIp: '10.1.1.1' })).allowed,
    true,
  );
  assert.equal(
    (await authorizer.authorize(user, [{ action: 's3:GetObject', resources: ['*'] }], { sourceIp: '11.1.1.1' })).allowed,
    false,
  );
});

test('sessions of jobs can change no identity and approve nothing, whatever the role allows', () => {
  const job = { ...session, sessionPolicy: JOB_SESSION_POLICY };
  const everything = [document(allow({}))];
  const model = JSON.parse(readFileSync(new URL('../../../models/iam.json', import.meta.url), 'utf8')) as { operations: object };
  const reading = /^(Get|List|Simulate|Generate)/;
  for (const name of Object.keys(model.operations)) {
    assert.equal(messageOf(job, everything, `iam:${name}`) === 'allowed', reading.test(name), name);
  }
  for (const gate of ['sagemaker:UpdateModelPackage', 'codepipeline:PutApprovalResult', 'codepipeline:EnableStageTransition'])
    assert.notEqual(messageOf(job, everything, gate), 'allowed', gate);
  const register = (status?: string) =>
    decideAccess(job, everything, [
      {
        action: 'sagemaker:CreateModelPackage',
        resources: ['*'],
        ...(status && { context: { 'sagemaker:ModelApprovalStatus': status } }),
      },
    ]).allowed;
  assert.deepEqual([register(), register('PendingManualApproval'), register('Approved')], [true, true, false]);
  assert.equal(messageOf(job, everything, 'iam:PassRole'), 'allowed');
});

test('trust policies name services, accounts, users and roles', () => {
  const trusts = (
    Principal: PolicyStatement['Principal'],
    caller: Parameters<typeof evaluateTrust>[1]['caller'],
    rest: Partial<PolicyStatement> = {},
  ) =>
    evaluateTrust(
      { Statement: { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: Principal ?? '*', ...rest } },
      { action: 'sts:AssumeRole', caller, context: contextOf({ 'sts:ExternalId': 'x' }) },
    ) === 'allow';
  const ann = { arn: user.arn, account: user.account };
  assert.equal(
    trusts({ Service: ['sagemaker.amazonaws.com', 'lambda.amazonaws.com'] }, { service: 'lambda.amazonaws.com' }),
    true,
  );
  assert.equal(trusts({ Service: 'sagemaker.amazonaws.com' }, { service: 'lambda.amazonaws.com' }), false);
  assert.equal(trusts({ Service: 'sagemaker.amazonaws.com' }, ann), false);
  assert.equal(trusts({ AWS: 'arn:aws:iam::123456789012:root' }, ann), true);
  assert.equal(trusts({ AWS: '123456789012' }, ann), true);
  assert.equal(trusts({ AWS: '210987654321' }, ann), false);
  assert.equal(trusts({ AWS: user.arn }, ann), true);
  assert.equal(
    trusts(
      { AWS: 'arn:aws:iam::123456789012:role/r' },
      { ...ann, arn: session.arn, roleArn: 'arn:aws:iam::123456789012:role/r' },
    ),
    true,
  );
  assert.equal(trusts({ AWS: user.arn }, ann, { Condition: { StringEquals: { 'sts:ExternalId': 'y' } } }), false);
});

test('policies that are nearly right are refused with the reason', () => {
  const problem = (policy: unknown, use: 'identity' | 'trust' = 'identity') => {
    const parsed = parsePolicy(typeof policy === 'string' ? policy : JSON.stringify(policy), use);
    return 'problem' in parsed ? parsed.problem : 'fine';
  };
  const statement = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
  assert.equal(problem({ Version: '2012-10-17', Statement: statement }), 'fine');
  assert.equal(problem('{'), 'This policy contains invalid Json');
  assert.match(problem({ Version: '2013-01-01', Statement: [statement] }), /valid version/);
  assert.match(problem({ Statement: [] }), /missing required field Statement/);
  assert.match(problem({ Statement: [{ ...statement, Effect: 'allow' }] }), /Effect must be Allow or Deny/);
  assert.match(problem({ Statement: [{ ...statement, Actoin: 'x' }] }), /unknown member "Actoin"/);
  assert.match(problem({ Statement: [{ ...statement, Action: 'GetObject' }] }), /prefaced by a vendor/);
  assert.match(problem({ Statement: [{ ...statement, Resource: 'my-bucket' }] }), /must be in ARN format/);
  for (const [Resource, expected] of [
    ['arn:aws:s3:eu-west-1:123456789012:bucket', /can not contain region/],
    ['arn:aws:s3:eu-west-1:123456789012:accesspoint/a/object/*', /^fine$/],
    ['arn:aws:iam:us-east-1:123456789012:role/r', /cannot contain region/],
    ['arn:aws:iam:::example', /IAM resource path must either/],
    ['arn:aws:iam::123456789012:role/team/*', /^fine$/],
    ['arn:aws:iam::123456789012:*', /^fine$/],
    ['arn:aws:iam::123456789012:user/${aws:username}', /^fine$/],
    ['arn:aws::::bucket', /must be in ARN format/],
  ] as const) {
    assert.match(problem({ Statement: [{ ...statement, Resource }] }), expected, Resource);
  }
  assert.match(problem({ Statement: [{ ...statement, NotAction: 's3:*' }] }), /exclude each other/);
  assert.match(problem({ Statement: [{ ...statement, Principal: '*' }] }), /should not specify a principal/);
  assert.match(
    problem({ Statement: [{ ...statement, Condition: { StringEqual: { a: 'b' } } }] }),
    /Invalid Condition type : StringEqual/,
  );
  assert.match(
    problem({
      Statement: [
        { ...statement, Sid: 'a' },
        { ...statement, Sid: 'a' },
      ],
    }),
    /must be unique/,
  );
  assert.match(
    problem({ Statement: [{ ...statement, Condition: { DateLessThan: { 'aws:CurrentTime': '9223372036854775808' } } }] }),
    /Invalid value for condition DateLessThan/,
  );
  assert.match(problem({ Statement: [statement] }, 'trust'), /prohibited field Resource/);
  assert.match(
    problem({ Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole' }] }, 'trust'),
    /Missing required field Principal/,
  );
  assert.match(
    problem({ Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: 'ann' } }] }, 'trust'),
    /Invalid principal/,
  );
  assert.equal(
    problem(
      { Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'sagemaker.amazonaws.com' } }] },
      'trust',
    ),
    'fine',
  );
});

test("a resource's own policy lets in whom it names, within session policies and denies; naming the account leaves it to the identity policies", () => {
  const resource = 'arn:aws:lambda:us-east-1:123456789012:function:f';
  const session: Principal = {
    kind: 'role-session',
    account: '123456789012',
    arn: 'arn:aws:sts::123456789012:assumed-role/Narrow/s',
    userId: 'AROA:s',
    name: 'Narrow',
  };
  const may = (Principal: PolicyStatement['Principal'], own: PolicyDocument[] = [], who: Principal = session) =>
    decideAccess(who, own, [
      {
        action: 'lambda:InvokeFunction',
        resources: [resource],
        resourcePolicy: document(allow({ Principal: Principal ?? '*', Action: 'lambda:InvokeFunction', Resource: resource })),
      },
    ]).allowed;
  assert.equal(may({ AWS: 'arn:aws:iam::123456789012:role/Narrow' }), true);
  assert.equal(may({ AWS: session.arn }), true);
  assert.equal(may('*'), true);
  assert.equal(may({ AWS: 'arn:aws:iam::123456789012:role/Other' }), false);
  assert.equal(may({ AWS: 'arn:aws:iam::123456789012:root' }), false);
  assert.equal(may({ Service: 's3.amazonaws.com' }), false);
  assert.equal(may('*', [document(deny({ Action: 'lambda:*' }))]), false);
  const jobs = { ...session, sessionPolicy: document(allow({ Action: 's3:*' })) };
  assert.equal(may('*', [], jobs), false);
});

test("a deny finds a resource by the partition of this server, whichever one a caller's ARN names", () => {
  const account = '123456789012';
  const principal: Principal = { kind: 'user', account, arn: `arn:aws:iam::${account}:user/ann`, userId: 'A', name: 'ann' };
  const policy = document(allow({}), deny({ Resource: `arn:aws:events:us-east-1:${account}:rule/guarded` }));
  const decided = (partition: string) =>
    decideAccess(
      principal,
      [policy],
      [{ action: 'events:TagResource', resources: [`arn:${partition}:events:us-east-1:${account}:rule/guarded`] }],
    ).allowed;
  assert.deepEqual(['aws', 'aws-cn', 'aws-us-gov', 'aws-'].map(decided), [false, false, false, false]);
});
