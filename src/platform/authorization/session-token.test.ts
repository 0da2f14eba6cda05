import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemIds } from '../ids.ts';
import type { Principal } from './principal.ts';
import { readOrCreateSealingKey } from './sealing-key.ts';
import { openSessionToken, sealSession } from './session-token.ts';
import { openText, sealText } from './signed-and-sealed.ts';

const KEY = '11'.repeat(32);
const principal: Principal = {
  kind: 'role-session',
  account: '123456789012',
  arn: 'arn:aws:sts::123456789012:assumed-role/r/s',
  userId: 'AROA1:s',
  name: 'r',
  service: 'sagemaker.amazonaws.com',
  onBehalfOf: 'arn:aws:sagemaker:us-east-1:123456789012:training-job/j',
};

test('a session token opens to the same principal and secret, until it expires', () => {
  const session = sealSession(KEY, principal, 5_000, systemIds);
  assert.match(session.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
  const opened = openSessionToken(KEY, session.accessKeyId, session.sessionToken, 4_999);
  assert.ok('credential' in opened);
  assert.deepEqual(opened.credential.principal, { ...principal, accessKeyId: session.accessKeyId });
  assert.equal(opened.credential.secretAccessKey, session.secretAccessKey);
  assert.deepEqual(openSessionToken(KEY, session.accessKeyId, session.sessionToken, 5_000), { problem: 'expired' });
});

test('no other key, no other access key id, no changed or cut token opens', () => {
  const { accessKeyId, sessionToken } = sealSession(KEY, principal, 5_000, systemIds);
  const problem = (key: string, id: string, token: string) => openSessionToken(key, id, token, 0);
  assert.deepEqual(problem('22'.repeat(32), accessKeyId, sessionToken), { problem: 'invalid-token' });
  assert.deepEqual(problem(KEY, 'ASIAAAAAAAAAAAAAAAAA', sessionToken), { problem: 'invalid-token' });
  const bytes = Buffer.from(sessionToken, 'base64url');
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.deepEqual(problem(KEY, accessKeyId, changed.toString('base64url')), { problem: 'invalid-token' });
    assert.deepEqual(problem(KEY, accessKeyId, bytes.subarray(0, at).toString('base64url')), { problem: 'invalid-token' });
  }
  assert.equal(openText(KEY, sealText(KEY, 'x', 'a', systemIds), 'b'), undefined);
});

test('the sealing key is made once, private, and a damaged one is not replaced', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealing-key-'));
  try {
    const path = join(folder, 'keys', 'sealing.key');
    const made = await Promise.all([readOrCreateSealingKey(path, systemIds), readOrCreateSealingKey(path, systemIds)]);
    assert.equal(made[0], made[1]);
    assert.equal(await readOrCreateSealingKey(path, systemIds), made[0]);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await writeFile(path, 'nonsense');
    await assert.rejects(readOrCreateSealingKey(path, systemIds), { name: 'ConfigError' });
    assert.equal(await readFile(path, 'utf8'), 'nonsense');
  } finally {
    await rm(folder, { recursive: true });
  }
});
