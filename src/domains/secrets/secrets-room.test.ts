import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import type { InputOf } from '../../contract/operations.ts';
import { eachLater, type RoomSetting, withRoom } from '../../platform/calls/room-rig.ts';
import { systemIds } from '../../platform/ids.ts';
import { createSecretsRoom } from './room.ts';

type Setting = RoomSetting<ReturnType<typeof createSecretsRoom>>;

/** Each call is a second after the one before. */
const withSecrets = (run: (setting: Setting) => Promise<void>): Promise<void> =>
  withRoom(
    ({ store, clock }) => createSecretsRoom({ store, clock, ids: systemIds, sealingKey: 'cd'.repeat(32) }),
    (setting) => run({ ...setting, call: eachLater(setting, 1000) }),
  );

const code = (expected: string, text?: RegExp) => (error: { code?: string; message?: string }) =>
  error.code === expected && (text === undefined || text.test(error.message ?? ''));
const token = (at: number) => `${at}`.padStart(32, 't');
const DAY_MS = 24 * 3600 * 1000;

test('a secret by name, ARN and partial ARN; its versions have stages', () =>
  withSecrets(async ({ call }) => {
    const made = await call('secretsmanager:CreateSecret', {
      Name: 'db/main',
      SecretString: 'one',
      ClientRequestToken: token(1),
    });
    assert.match(made.ARN ?? '', /^arn:aws:secretsmanager:us-east-1:123456789012:secret:db\/main-[A-Za-z0-9]{6}$/);
    const read = (SecretId: string, more: object = {}) => call('secretsmanager:GetSecretValue', { SecretId, ...more });
    for (const id of ['db/main', made.ARN ?? '', (made.ARN ?? '').slice(0, -7)]) {
      assert.equal((await read(id)).SecretString, 'one');
    }
    const put = (SecretString: string, at: number, more: object = {}) =>
      call('secretsmanager:PutSecretValue', { SecretId: 'db/main', SecretString, ClientRequestToken: token(at), ...more });
    assert.deepEqual((await put('two', 2)).VersionStages, ['AWSCURRENT']);
    assert.equal((await put('two', 2)).VersionId, token(2));
    await assert.rejects(put('other', 2), code('ResourceExistsException', /You can't use ClientRequestToken/));
    assert.equal((await read('db/main', { VersionStage: 'AWSPREVIOUS' })).SecretString, 'one');
    await put('three', 3, { VersionStages: ['AWSPENDING'] });
    assert.equal((await read('db/main')).SecretString, 'two');
    assert.equal((await read('db/main', { VersionStage: 'AWSPENDING' })).SecretString, 'three');
    await call('secretsmanager:UpdateSecretVersionStage', {
      SecretId: 'db/main',
      VersionStage: 'AWSCURRENT',
      RemoveFromVersionId: token(2),
      MoveToVersionId: token(3),
    });
    const { VersionIdsToStages } = await call('secretsmanager:DescribeSecret', { SecretId: 'db/main' });
    assert.deepEqual(VersionIdsToStages, { [token(2)]: ['AWSPREVIOUS'], [token(3)]: ['AWSPENDING', 'AWSCURRENT'] });
    assert.equal((await read('db/main', { VersionId: token(1) })).SecretString, 'one');
    await assert.rejects(read('db/main', { VersionId: token(1), VersionStage: 'AWSCURRENT' }), code('InvalidRequestException'));
    await assert.rejects(read('db/main', { VersionId: token(9) }), code('ResourceNotFoundException', /for VersionId: /));
    await assert.rejects(read('none'), code('ResourceNotFoundException', /can't find the specified secret\.$/));
    const some = await call('secretsmanager:ListSecretVersionIds', { SecretId: 'db/main' });
    assert.equal(some.Versions?.length, 2);
    const all = await call('secretsmanager:ListSecretVersionIds', {
      SecretId: 'db/main',
      IncludeDeprecated: true,
      MaxResults: 2,
    });
    const rest = await call('secretsmanager:ListSecretVersionIds', {
      SecretId: 'db/main',
      IncludeDeprecated: true,
      NextToken: all.NextToken,
    });
    assert.equal((all.Versions?.length ?? 0) + (rest.Versions?.length ?? 0), 3);
  }));

test('the same creation again is the same secret, another one finds the name taken', () =>
  withSecrets(async ({ call }) => {
    const create = (SecretString: string, at: number) =>
      call('secretsmanager:CreateSecret', { Name: 's', SecretString, ClientRequestToken: token(at) });
    const first = await create('one', 1);
    assert.deepEqual(await create('one', 1), first);
    await assert.rejects(create('two', 1), code('ResourceExistsException', /ClientRequestToken/));
    await assert.rejects(create('one', 2), code('ResourceExistsException', /the secret s already exists/));
    await assert.rejects(call('secretsmanager:CreateSecret', { Name: 'a b' }), code('ValidationException', /Invalid name/));
    await call('secretsmanager:CreateSecret', { Name: 'empty' });
    await assert.rejects(
      call('secretsmanager:GetSecretValue', { SecretId: 'empty' }),
      code('ResourceNotFoundException', /staging label: AWSCURRENT/),
    );
    await call('secretsmanager:UpdateSecret', { SecretId: 'empty', Description: 'd', SecretBinary: Uint8Array.of(0, 255) });
    const value = await call('secretsmanager:GetSecretValue', { SecretId: 'empty' });
    assert.deepEqual([...(value.SecretBinary ?? [])], [0, 255]);
    assert.deepEqual(await call('secretsmanager:UpdateSecret', { SecretId: 'empty', Description: 'e' }), {
      ARN: value.ARN,
      Name: 'empty',
    });
    await assert.rejects(
      call('secretsmanager:PutSecretValue', { SecretId: 's', SecretString: 'x', SecretBinary: Uint8Array.of(1) }),
      code('InvalidParameterException'),
    );
    const batch = await call('secretsmanager:BatchGetSecretValue', { SecretIdList: ['s', 'none'] });
    assert.deepEqual([batch.SecretValues?.[0]?.SecretString, batch.Errors?.[0]?.ErrorCode], ['one', 'ResourceNotFoundException']);
  }));

test('a deleted secret can be had back until its window is over; then it is gone with its values', () =>
  withSecrets(async ({ call, clock, store, settle }) => {
    const made = await call('secretsmanager:CreateSecret', { Name: 's', SecretString: 'one' });
    const end = (more: object = {}) => call('secretsmanager:DeleteSecret', { SecretId: 's', ...more });
    await assert.rejects(end({ RecoveryWindowInDays: 6 }), code('InvalidParameterException', /between 7 and 30 days/));
    await assert.rejects(
      end({ RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true }),
      code('InvalidParameterException', /in conjunction/),
    );
    await end();
    const read = () => call('secretsmanager:GetSecretValue', { SecretId: 's' });
    await assert.rejects(read(), code('InvalidRequestException', /marked for deletion/));
    await assert.rejects(
      call('secretsmanager:CreateSecret', { Name: 's' }),
      code('InvalidRequestException', /already scheduled for deletion/),
    );
    assert.deepEqual((await call('secretsmanager:ListSecrets', {})).SecretList, []);
    assert.equal((await call('secretsmanager:ListSecrets', { IncludePlannedDeletion: true })).SecretList?.length, 1);
    await call('secretsmanager:RestoreSecret', { SecretId: 's' });
    assert.equal((await read()).SecretString, 'one');
    clock.advance(31 * DAY_MS);
    await settle();
    assert.equal((await read()).SecretString, 'one');
    await end({ RecoveryWindowInDays: 7 });
    clock.advance(8 * DAY_MS);
    // a timer that was far away is found by the loop's next look at the rows, which takes some turns
    for (let gone = false; !gone; gone = await read().then(undefined, code('ResourceNotFoundException'))) await settle();
    const again = await call('secretsmanager:CreateSecret', { Name: 's', SecretString: 'new' });
    assert.notEqual(again.ARN, made.ARN);
    await end({ ForceDeleteWithoutRecovery: true });
    await end({ ForceDeleteWithoutRecovery: true });
    const query = {
      account: '123456789012',
      region: 'us-east-1',
      kind: 'SecretValue',
      sortBy: 'name',
      order: 'ascending',
    } as const;
    assert.deepEqual((await store.list({ ...query, limit: 10 })).rows, []);
    assert.deepEqual(await store.timers({ limit: 10 }), []);
  }));

test('a value is neither on the disk nor in the ledger in clear', () =>
  withSecrets(async ({ call, store, folder }) => {
    await call('secretsmanager:CreateSecret', {
      Name: 's',
      SecretString: 'hunter-two-in-clear',
      Tags: [{ Key: 'a', Value: 'b' }],
    });
    await call('secretsmanager:PutSecretValue', { SecretId: 's', SecretString: 'hunter-two-in-clear-again' });
    assert.ok(!JSON.stringify(await store.ledger({ afterSequence: 0, limit: 10 })).includes('hunter'));
    for (const file of fs.readdirSync(folder)) {
      assert.ok(!fs.readFileSync(`${folder}/${file}`, 'latin1').includes('hunter-two'), file);
    }
  }));

test('secrets are listed by filters, sorted, in pages, with their tags', () =>
  withSecrets(async ({ call }) => {
    const make = (Name: string, Description: string, Tags: { Key: string; Value: string }[] = []) =>
      call('secretsmanager:CreateSecret', { Name, Description, Tags });
    await make('prod/db', 'Main database', [{ Key: 'team', Value: 'blue' }]);
    await make('prod/api', 'Key of the API');
    await make('test/db', 'Other database', [{ Key: 'team', Value: 'green' }]);
    const names = async (input: InputOf<'secretsmanager:ListSecrets'>) =>
      (await call('secretsmanager:ListSecrets', input)).SecretList?.map(({ Name }) => Name);
    const by = (Key: 'name' | 'description' | 'tag-key' | 'tag-value' | 'all', ...Values: string[]) =>
      names({ SortBy: 'name', Filters: [{ Key, Values }] });
    assert.deepEqual(await names({ SortBy: 'name', SortOrder: 'desc' }), ['test/db', 'prod/db', 'prod/api']);
    assert.deepEqual(await by('name', 'prod/'), ['prod/api', 'prod/db']);
    assert.deepEqual(await by('name', '!prod/'), ['test/db']);
    assert.deepEqual(await by('description', 'DATA'), ['prod/db', 'test/db']);
    assert.deepEqual(await by('tag-key', 'te'), ['prod/db', 'test/db']);
    assert.deepEqual(await by('tag-value', 'green', 'red'), ['test/db']);
    assert.deepEqual(await by('all', 'blue'), ['prod/db']);
    const first = await call('secretsmanager:ListSecrets', { MaxResults: 2 });
    const rest = await call('secretsmanager:ListSecrets', { MaxResults: 2, NextToken: first.NextToken });
    assert.deepEqual([first.SecretList?.length, rest.SecretList?.length, rest.NextToken], [2, 1, undefined]);
    await call('secretsmanager:TagResource', { SecretId: 'prod/api', Tags: [{ Key: 'x', Value: 'y' }] });
    await call('secretsmanager:UntagResource', { SecretId: 'prod/db', TagKeys: ['team'] });
    assert.deepEqual((await call('secretsmanager:DescribeSecret', { SecretId: 'prod/api' })).Tags, [{ Key: 'x', Value: 'y' }]);
    assert.deepEqual((await call('secretsmanager:DescribeSecret', { SecretId: 'prod/db' })).Tags, undefined);
    await assert.rejects(call('secretsmanager:ListSecrets', { NextToken: 'mine' }), code('InvalidNextTokenException'));
  }));

test('a random password has every kind that is not excluded', () =>
  withSecrets(async ({ call }) => {
    const make = async (input: InputOf<'secretsmanager:GetRandomPassword'>) =>
      (await call('secretsmanager:GetRandomPassword', input)).RandomPassword ?? '';
    for (let at = 0; at < 50; at += 1)
      assert.match(await make({ PasswordLength: 4 }), /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^A-Za-z0-9])/);
    assert.match(await make({ ExcludePunctuation: true, ExcludeUppercase: true }), /^[a-z0-9]{32}$/);
    assert.doesNotMatch(await make({ PasswordLength: 4000, ExcludeCharacters: 'xyz"' }), /[xyz"]/);
    await assert.rejects(make({ PasswordLength: 3 }), code('InvalidParameterException', /too short/));
    assert.notEqual(await make({}), await make({}));
  }));

test('so many versions as AWS keeps', () =>
  withSecrets(async ({ call, store }) => {
    await call('secretsmanager:CreateSecret', { Name: 's', SecretString: '0', ClientRequestToken: token(0) });
    for (let at = 1; at <= 103; at += 1) {
      await call('secretsmanager:PutSecretValue', { SecretId: 's', SecretString: `${at}`, ClientRequestToken: token(at) });
    }
    const query = {
      account: '123456789012',
      region: 'us-east-1',
      kind: 'SecretValue',
      sortBy: 'name',
      order: 'ascending',
    } as const;
    assert.equal((await store.list({ ...query, limit: 500 })).rows.length, 100);
    assert.equal(
      (await call('secretsmanager:GetSecretValue', { SecretId: 's', VersionStage: 'AWSPREVIOUS' })).SecretString,
      '102',
    );
  }));
