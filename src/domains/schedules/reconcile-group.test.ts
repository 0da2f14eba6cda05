import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { readRow, writeOf } from '../../platform/store/typed-rows.ts';
import { createVirtualClock } from '../../platform/virtual-clock.ts';
import type { SchedulesPorts } from './ports.ts';
import { groupReconciler } from './reconcile-schedule.ts';
import { GROUP_REMAINS, type GroupDocument, groupKey } from './resources.ts';

const TIMES = { createdAtMs: 0, modifiedAtMs: 0 };

test('a group made anew while the answer to the removal of the old one is lost stays', () =>
  withSqliteStore(async ({ store }) => {
    const key = groupKey({ account: '1', region: 'r' }, 'g');
    const group: GroupDocument = { name: 'g', state: 'DELETING', ...TIMES };
    const timers = [{ reconciler: GROUP_REMAINS, key, dueAtMs: 0 }];
    await store.commit({ expect: [], write: [writeOf(key, group, TIMES)], timers });
    let commits = 0;
    const meddled: Store = {
      ...store,
      async commit(commit) {
        commits += 1;
        const result = await store.commit(commit);
        if (commits > 1) return result;
        await store.commit({ expect: [{ key, version: 0 }], write: [writeOf(key, { ...group, state: 'ACTIVE' }, TIMES)] });
        return { outcome: 'unknown', reason: 'lost' };
      },
    };
    await groupReconciler({ store: meddled, clock: createVirtualClock(1) } as unknown as SchedulesPorts).reconcile(key);
    assert.equal((await readRow<GroupDocument>(store, key))?.document.state, 'ACTIVE');
    assert.deepEqual(await store.timers({ limit: 10 }), []);
  }));
