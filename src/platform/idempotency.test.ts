import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from './errors/families.ts';
import { answerOf, checkToken, createTokenReconciler } from './idempotency.ts';
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
    assert.deepEqual(await store.commit(record), { outcome: 'done' });
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
    await createTokenReconciler(store).reconcile(timer.key);
    assert.equal((await checkToken(store, PLACE, use('t1', 'b'))).outcome, 'first');
    assert.deepEqual(await store.timers({ limit: 10 }), []);
  });
});
