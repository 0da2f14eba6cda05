import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from './errors/families.ts';
import { answerOf, checkToken, createTokenReconciler, EXPIRY_RECONCILER } from './idempotency.ts';
import { withSqliteStore } from './store/sqlite/with-sqlite-store.ts';

const PLACE = { account: '123456789012', region: 'us-east-1' };
const use = (token: string, Name: string) => ({
  operation: 'CreatePipeline',
  token,
  request: { Name, ClientRequestToken: token },
});

test('a repeated request gets the first answer, another one is refused, a forgotten token is new', async () => {
  await withSqliteStore(async ({ store }) => {
    const first = await checkToken(store, PLACE, use('t1', 'a'));
    assert.ok(first.outcome === 'first');
    assert.equal(await answerOf(store, PLACE, use('t1', 'a')), undefined);
    const record = first.record({ PipelineArn: 'arn' }, 1);
    assert.equal((await store.commit(record)).outcome, 'done');
    assert.deepEqual(await checkToken(store, PLACE, use('t1', 'a')), { outcome: 'repeat', response: { PipelineArn: 'arn' } });
    assert.deepEqual(await answerOf(store, PLACE, use('t1', 'a')), { PipelineArn: 'arn' });
    await assert.rejects(
      checkToken(store, PLACE, use('t1', 'b')),
      (error) => error instanceof ServiceError && error.code === 'ConflictException' && error.message.includes('t1'),
    );
    assert.equal((await checkToken(store, { ...PLACE, region: 'eu-west-1' }, use('t1', 'b'))).outcome, 'first');
    // the second of two racing calls sees a conflict and asks again
    assert.equal((await store.commit(record)).outcome, 'conflict');

    const [timer] = await store.timers({ limit: 10 });
    assert.equal(timer?.dueAtMs, 1 + 30 * 24 * 3600 * 1000);
    const early = { now: () => timer.dueAtMs - 1 };
    await createTokenReconciler(store, early).reconcile(timer.key);
    assert.equal((await checkToken(store, PLACE, use('t1', 'a'))).outcome, 'repeat');
    await createTokenReconciler(store, { now: () => timer.dueAtMs }).reconcile(timer.key);
    assert.equal((await checkToken(store, PLACE, use('t1', 'b'))).outcome, 'first');
    assert.deepEqual(await store.timers({ limit: 10 }), []);
  });
});

test('a record that was written anew when its timer had just fallen due stays for its new time', async () => {
  await withSqliteStore(async ({ store }) => {
    const key = { ...PLACE, kind: 'SQSDeduplication', name: 'box/digest' };
    const write = (version: number, expiresAtMs: number) =>
      store.commit({
        expect: [{ key, version }],
        write: [{ key, document: { expiresAtMs }, index: { createdAtMs: 1, modifiedAtMs: 1 } }],
        timers: [{ reconciler: EXPIRY_RECONCILER, key, dueAtMs: expiresAtMs }],
      });
    await write(0, 300);
    const { version } = (await store.get(key))!;
    await write(version, 600);
    // woken by the first time, which has passed meanwhile
    await createTokenReconciler(store, { now: () => 301 }).reconcile(key);
    assert.equal((await store.get(key))?.version, version + 1);
    assert.equal((await store.timers({ limit: 10 })).length, 1);
    await createTokenReconciler(store, { now: () => 600 }).reconcile(key);
    assert.equal(await store.get(key), undefined);
    assert.deepEqual(await store.timers({ limit: 10 }), []);
  });
});
