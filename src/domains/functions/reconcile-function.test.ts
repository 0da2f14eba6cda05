import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { createVirtualClock } from '../../platform/virtual-clock.ts';
import type { FunctionsPorts } from './ports.ts';
import { createFunctionReconciler } from './reconcile-function.ts';
import { FUNCTION_RECONCILER, type FunctionDocument } from './resources.ts';
import { functionWrite } from './revisions.ts';

const KEY = { account: '1', region: 'r', kind: 'Function', name: 'f' };
const PENDING = {
  FunctionName: 'f',
  FunctionArn: 'arn',
  latest: { codeDigest: '0'.repeat(64) },
  State: 'Pending',
  StateReason: 'The function is being created.',
  policies: {},
  published: 0,
  createdAtMs: 0,
  requestId: 'q',
} as unknown as FunctionDocument;

test('a function that gets a permission while it is made becomes active all the same, once', () =>
  withSqliteStore(async ({ store }) => {
    const timers = [{ reconciler: FUNCTION_RECONCILER, key: KEY, dueAtMs: 0 }];
    await store.commit({ expect: [], write: [functionWrite(KEY, PENDING, 0)], timers });
    let commits = 0;
    const meddled: Store = {
      ...store,
      async commit(commit) {
        commits += 1;
        const permitted = { ...PENDING, policies: { $LATEST: [] } };
        if (commits === 1) await store.commit({ expect: [], write: [functionWrite(KEY, permitted, 0)] });
        return store.commit(commit);
      },
    };
    await createFunctionReconciler({ store: meddled, clock: createVirtualClock(1) } as unknown as FunctionsPorts).reconcile(KEY);
    const { document } = (await readRow<FunctionDocument>(store, KEY)) ?? {};
    assert.equal(document?.State, 'Active');
    assert.equal(document?.StateReason, undefined);
    assert.deepEqual(document?.policies, { $LATEST: [] });
    assert.deepEqual(await store.timers({ limit: 10 }), []);
    assert.equal((await store.ledger({ afterSequence: 0, limit: 10 })).length, 1);
  }));
