import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import type { OutputOf } from '../../contract/operations.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import { eachLater, type RoomCall as Call, type RoomSetting, withRoom } from '../../platform/calls/room-rig.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { systemIds } from '../../platform/ids.ts';
import { createParametersRoom } from './room.ts';

/** Has the secret `db`, as Secrets Manager tells it. */
const secretsManager = {
  call: async (_principal: unknown, _origin: unknown, name: string, input: object) => {
    assert.equal(name, 'secretsmanager:GetSecretValue');
    const { SecretId, ...version } = input as { SecretId: string };
    if (SecretId !== 'team/db') throw new ServiceError('ResourceNotFoundException', "Secrets Manager can't find it.");
    return { ARN: 'arn:db', Name: SecretId, SecretString: JSON.stringify(version), CreatedDate: 1_500 };
  },
} as Calls;

type Setting = RoomSetting<ReturnType<typeof createParametersRoom>>;

/** Each call is a second after the one before. */
const withParameters = (run: (setting: Setting) => Promise<void>): Promise<void> =>
  withRoom(
    ({ store }) => createParametersRoom({ store, ids: systemIds, sealingKey: 'ab'.repeat(32), calls: secretsManager }),
    (setting) => run({ ...setting, call: eachLater(setting, 1000) }),
  );

const code = (expected: string, text?: RegExp) => (error: { code?: string; message?: string }) =>
  error.code === expected && (text === undefined || text.test(error.message ?? ''));

const put = (call: Call, Name: string, Value: string, more: object = {}) =>
  call('ssm:PutParameter', { Name, Value, ...(!('Overwrite' in more) && { Type: 'String' }), ...more });
const value = async (call: Call, Name: string, WithDecryption?: boolean) =>
  (await call('ssm:GetParameter', { Name, WithDecryption })).Parameter?.Value;

test('a parameter has versions; what an overwrite does not name stays', () =>
  withParameters(async ({ call, store }) => {
    await assert.rejects(call('ssm:PutParameter', { Name: 'p', Value: 'v' }), code('ValidationException', /type is required/));
    assert.deepEqual(await put(call, 'p', 'one', { Description: 'd', AllowedPattern: '[a-z]+' }), {
      Version: 1,
      Tier: 'Standard',
    });
    await assert.rejects(put(call, 'p', 'two'), code('ParameterAlreadyExists'));
    await assert.rejects(put(call, 'p', '2', { Overwrite: true }), code('ParameterPatternMismatchException'));
    await assert.rejects(put(call, 'p', 'x', { Overwrite: true, Type: 'StringList' }), code('HierarchyTypeMismatchException'));
    await assert.rejects(put(call, 'q', 'x', { AllowedPattern: '(' }), code('InvalidAllowedPatternException'));
    assert.equal((await put(call, 'p', 'two', { Overwrite: true })).Version, 2);
    assert.deepEqual([await value(call, 'p'), await value(call, 'p:1'), await value(call, 'p:2')], ['two', 'one', 'two']);
    await assert.rejects(value(call, 'p:3'), code('ParameterVersionNotFound', /could not find version 3 of p/));
    await assert.rejects(value(call, 'none'), code('ParameterNotFound', /^Parameter none not found\.$/));
    const { Parameters = [] } = await call('ssm:GetParameterHistory', { Name: 'p' });
    assert.deepEqual(
      Parameters.map(({ Version, Value, Description }) => [Version, Value, Description]),
      [
        [1, 'one', 'd'],
        [2, 'two', 'd'],
      ],
    );
    const first = await call('ssm:GetParameterHistory', { Name: 'p', MaxResults: 1 });
    const second = await call('ssm:GetParameterHistory', { Name: 'p', MaxResults: 1, NextToken: first.NextToken });
    assert.deepEqual([first.Parameters?.[0]?.Version, second.Parameters?.[0]?.Version, second.NextToken], [1, 2, undefined]);
    await call('ssm:DeleteParameter', { Name: 'p' });
    await assert.rejects(call('ssm:DeleteParameter', { Name: 'p' }), code('ParameterNotFound'));
    await put(call, 'p', 'anew');
    assert.equal((await call('ssm:GetParameterHistory', { Name: 'p' })).Parameters?.length, 1);
    const entries = (await store.ledger({ afterSequence: 0, limit: 10 })).map(({ entry }) => entry);
    assert.deepEqual(
      entries.map(({ action, changes }) => [action, changes?.['version']]),
      [
        ['ssm:PutParameter', [null, 1]],
        ['ssm:PutParameter', [1, 2]],
        ['ssm:DeleteParameter', [2, null]],
        ['ssm:PutParameter', [null, 1]],
      ],
    );
  }));

test('a secure value is on the disk only as sealed, and bound to its version', () =>
  withParameters(async ({ call, store, folder }) => {
    await put(call, '/db/password', 'hunter-two-secret', { Type: 'SecureString' });
    assert.equal(await value(call, '/db/password', true), 'hunter-two-secret');
    const sealed = await value(call, '/db/password');
    assert.ok(sealed && !sealed.includes('hunter'));
    await put(call, '/db/password', 'second-secret', { Overwrite: true });
    assert.equal(await value(call, '/db/password:1', true), 'hunter-two-secret');
    const ledger = JSON.stringify(await store.ledger({ afterSequence: 0, limit: 10 }));
    for (const file of fs.readdirSync(folder)) {
      assert.ok(!fs.readFileSync(`${folder}/${file}`, 'latin1').includes('hunter-two-secret'), file);
    }
    assert.ok(!ledger.includes('secret'));
    await assert.rejects(put(call, 's', 'x', { Type: 'SecureString', KeyId: 'alias/mine' }), code('InvalidKeyId'));
  }));

test('writers that meet on one parameter all get through, each with a version of its own', () =>
  withParameters(async ({ call }) => {
    await put(call, 'p', '0');
    const written = await Promise.all(Array.from({ length: 12 }, (_, at) => put(call, 'p', `${at}`, { Overwrite: true })));
    assert.deepEqual(
      written.map(({ Version }) => Version).toSorted((a = 0, b = 0) => a - b),
      Array.from({ length: 12 }, (_, at) => at + 2),
    );
    assert.equal((await call('ssm:GetParameterHistory', { Name: 'p' })).Parameters?.length, 13);
  }));

test('names, sizes and tiers', () =>
  withParameters(async ({ call }) => {
    for (const name of ['aws_x', 'SSM_x', '/ssm/x', 'a/b', 'a b', '/a//b', 'p:1']) {
      await assert.rejects(put(call, name, 'x'), code('ValidationException'), name);
    }
    await assert.rejects(
      put(call, '/aws/x', 'x'),
      code('AccessDeniedException', /No access to reserved parameter name: \/aws\/x\./),
    );
    await assert.rejects(put(call, '/a'.repeat(16), 'x'), code('HierarchyLevelLimitExceededException'));
    await assert.rejects(put(call, 'p', ''), code('ValidationException', /length greater than or equal to 1/));
    await assert.rejects(put(call, 'p', 'x', { DataType: 'number' }), code('ValidationException', /data type is not supported/));
    await assert.rejects(put(call, 'p', 'x'.repeat(4097)), code('ValidationException', /4096/));
    await assert.rejects(put(call, 'p', 'x'.repeat(8193), { Tier: 'Advanced' }), code('ValidationException', /8192/));
    assert.equal((await put(call, 'p', 'x'.repeat(4097), { Tier: 'Intelligent-Tiering' })).Tier, 'Advanced');
    await assert.rejects(put(call, 'p', 'x', { Overwrite: true, Tier: 'Standard' }), code('ValidationException', /downgrade/));
    assert.equal((await put(call, 'p', 'x', { Overwrite: true })).Tier, 'Advanced');
  }));

test('labels name a version, move, and keep the oldest version from going', () =>
  withParameters(async ({ call }) => {
    await put(call, 'p', '1');
    await put(call, 'p', '2', { Overwrite: true });
    assert.deepEqual(
      await call('ssm:LabelParameterVersion', { Name: 'p', ParameterVersion: 1, Labels: ['prod', '9x', 'awsx'] }),
      {
        InvalidLabels: ['9x', 'awsx'],
        ParameterVersion: 1,
      },
    );
    assert.equal(await value(call, 'p:prod'), '1');
    await call('ssm:LabelParameterVersion', { Name: 'p', Labels: ['prod'] });
    assert.equal(await value(call, 'p:prod'), '2');
    await assert.rejects(value(call, 'p:test'), code('ParameterVersionNotFound', /label test/));
    const many = Array.from({ length: 10 }, (_, at) => `l${at}`);
    await assert.rejects(
      call('ssm:LabelParameterVersion', { Name: 'p', Labels: many }),
      code('ParameterVersionLabelLimitExceeded'),
    );
    await call('ssm:LabelParameterVersion', { Name: 'p', ParameterVersion: 1, Labels: ['old'] });
    for (let at = 3; at <= 100; at += 1) await put(call, 'p', String(at), { Overwrite: true });
    await assert.rejects(put(call, 'p', '101', { Overwrite: true }), code('ParameterMaxVersionLimitExceeded'));
    assert.deepEqual(await call('ssm:UnlabelParameterVersion', { Name: 'p', ParameterVersion: 1, Labels: ['old', 'no'] }), {
      RemovedLabels: ['old'],
      InvalidLabels: ['no'],
    });
    await put(call, 'p', '101', { Overwrite: true });
    await assert.rejects(value(call, 'p:1'), code('ParameterVersionNotFound'));
    assert.equal(await value(call, 'p:2'), '2');
  }));

test('paths and filters, in pages', () =>
  withParameters(async ({ call }) => {
    for (const name of ['/foo/a', '/foo/b', '/foo/b/deep', '/food', 'plain', '/bar/c']) await put(call, name, name);
    await put(call, '/bar/list', 'x,y', { Type: 'StringList', Tags: [{ Key: 'team', Value: 'one' }] });
    await put(call, '/bar/secret', 's', { Type: 'SecureString' });
    const below = async (Path: string, more: object = {}) =>
      (await call('ssm:GetParametersByPath', { Path, ...more })).Parameters?.map(({ Name }) => Name);
    assert.deepEqual(await below('/foo'), ['/foo/a', '/foo/b']);
    assert.deepEqual(await below('/foo/', { Recursive: true }), ['/foo/a', '/foo/b', '/foo/b/deep']);
    assert.deepEqual(await below('/'), ['/food', 'plain']);
    assert.equal((await below('/', { Recursive: true }))?.length, 8);
    assert.deepEqual(await below('/bar', { ParameterFilters: [{ Key: 'Type', Values: ['String', 'SecureString'] }] }), [
      '/bar/c',
      '/bar/secret',
    ]);
    await assert.rejects(below('/bar', { ParameterFilters: [{ Key: 'Name', Values: ['x'] }] }), code('InvalidFilterKey'));
    await assert.rejects(below('foo'), code('ValidationException'));
    const names: (string | undefined)[] = [];
    let NextToken: string | undefined;
    do {
      const page: OutputOf<'ssm:DescribeParameters'> = await call('ssm:DescribeParameters', { MaxResults: 3, NextToken });
      names.push(...(page.Parameters ?? []).map(({ Name }) => Name));
      NextToken = page.NextToken;
    } while (NextToken);
    assert.equal(new Set(names).size, 8);
    const filtered = async (Key: string, Values: string[] | undefined, Option?: string) =>
      (await call('ssm:DescribeParameters', { ParameterFilters: [{ Key, Values, Option }] })).Parameters?.map(({ Name }) => Name);
    assert.deepEqual(await filtered('Name', ['foo'], 'BeginsWith'), ['/foo/a', '/foo/b', '/foo/b/deep', '/food']);
    assert.deepEqual(await filtered('Name', ['/plain']), ['plain']);
    assert.deepEqual(await filtered('Path', ['/bar', '/foo/b'], 'OneLevel'), [
      '/bar/c',
      '/bar/list',
      '/bar/secret',
      '/foo/b/deep',
    ]);
    assert.deepEqual(await filtered('tag:team', ['one']), ['/bar/list']);
    assert.deepEqual(await filtered('tag:team', undefined), ['/bar/list']);
    assert.deepEqual(await filtered('KeyId', ['alias/'], 'BeginsWith'), ['/bar/secret']);
    await assert.rejects(filtered('Tier', ['x']), code('InvalidFilterValue'));
    await assert.rejects(filtered('Label', ['x']), code('InvalidFilterKey'));
    await assert.rejects(call('ssm:DescribeParameters', { NextToken: 'mine' }), code('InvalidNextToken'));
    const got = await call('ssm:GetParameters', { Names: ['plain', 'plain', 'none', '/foo/a:1', '/foo/a:7'] });
    assert.deepEqual(
      [got.Parameters?.map(({ Name, Selector }) => [Name, Selector]), got.InvalidParameters],
      [
        [
          ['plain', undefined],
          ['/foo/a', ':1'],
        ],
        ['none', '/foo/a:7'],
      ],
    );
    const arn = 'arn:aws:ssm:us-east-1:123456789012:parameter';
    assert.deepEqual([await value(call, '/plain'), await value(call, '/plain:1')], ['plain', 'plain']);
    assert.equal((await put(call, '/plain', 'plain', { Overwrite: true })).Version, 2);
    assert.equal((await call('ssm:GetParameter', { Name: '/plain' })).Parameter?.Name, 'plain');
    assert.deepEqual([await value(call, `${arn}/plain`), await value(call, `${arn}/foo/a:1`)], ['plain', '/foo/a']);
    const gone = await call('ssm:DeleteParameters', { Names: ['plain', 'none'] });
    assert.deepEqual(gone, { DeletedParameters: ['plain'], InvalidParameters: ['none'] });
  }));

test('tags of a parameter go with it', () =>
  withParameters(async ({ call }) => {
    const resource = { ResourceType: 'Parameter', ResourceId: 'p' } as const;
    await put(call, 'p', 'x', { Tags: [{ Key: 'a', Value: '1' }] });
    await assert.rejects(put(call, 'p', 'x', { Overwrite: true, Tags: [{ Key: 'a', Value: '1' }] }), code('ValidationException'));
    await call('ssm:AddTagsToResource', { ...resource, Tags: [{ Key: 'b', Value: '2' }] });
    await call('ssm:RemoveTagsFromResource', { ...resource, TagKeys: ['a'] });
    assert.deepEqual(await call('ssm:ListTagsForResource', resource), { TagList: [{ Key: 'b', Value: '2' }] });
    await call('ssm:DeleteParameter', { Name: 'p' });
    await assert.rejects(call('ssm:ListTagsForResource', resource), code('InvalidResourceId'));
    await put(call, 'p', 'x');
    assert.deepEqual(await call('ssm:ListTagsForResource', resource), { TagList: [] });
  }));

test('names below /aws/reference/secretsmanager are secrets', () =>
  withParameters(async ({ call }) => {
    const name = '/aws/reference/secretsmanager/team/db';
    const { Parameter } = await call('ssm:GetParameter', { Name: name, WithDecryption: true });
    const { SourceResult = '', ...told } = Parameter ?? {};
    assert.deepEqual(told, {
      Name: name,
      Type: 'SecureString',
      Value: '{}',
      Version: 0,
      LastModifiedDate: 1_500,
      ARN: 'arn:db',
      DataType: 'text',
    });
    assert.deepEqual(JSON.parse(SourceResult), { ARN: 'arn:db', Name: 'team/db', SecretString: '{}', CreatedDate: 1.5 });
    assert.equal(await value(call, `${name}:AWSPREVIOUS`, true), '{"VersionStage":"AWSPREVIOUS"}');
    const id = 'a'.repeat(32);
    assert.equal(await value(call, `${name}:${id}`, true), `{"VersionId":"${id}"}`);
    await assert.rejects(value(call, name), code('ValidationException', /WithDecryption flag must be True/));
    await assert.rejects(value(call, `${name}2`, true), code('ParameterNotFound', /Secret .*db2 not found/));
    const { InvalidParameters } = await call('ssm:GetParameters', { Names: [name, `${name}2`], WithDecryption: true });
    assert.deepEqual(InvalidParameters, [`${name}2`]);
  }));
