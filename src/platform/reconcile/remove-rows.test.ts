import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError } from '../errors/families.ts';
import type { ResourceKey } from '../resource-key.ts';
import type { Commit, CommitResult, Store } from '../store/port.ts';
import { withSqliteStore } from '../store/sqlite/with-sqlite-store.ts';
import { writeOf } from '../store/typed-rows.ts';
import { removeRows, removeWithTimer } from './remove-rows.ts';

const PLACE = { account: '123456789012', region: 'us-east-1' };
const keyOf = (name: string, kind = 'Part'): ResourceKey => ({ ...PLACE, kind, name });
const TIMES = { createdAtMs: 1, modifiedAtMs: 1 };
const PARTS = { ...PLACE, kind: 'Part', parent: 'whole', limit: 2 };
const part = (name: string, parent = 'whole') => writeOf(keyOf(name), { name }, { ...TIMES, parent });

async function filled(store: Store): Promise<void> {
  const write = [
    ...['a', 'b', 'c', 'd', 'e'].map((name) => part(name)),
    part('f', 'other'),
    writeOf(keyOf('whole', 'Whole'), {}, TIMES),
  ];
  const timers = ['a', 'c'].map((name) => ({ reconciler: 'part', key: keyOf(name), dueAtMs: 5 }));
  const whole = { reconciler: 'whole', key: keyOf('whole', 'Whole'), dueAtMs: 5 };
  assert.equal((await store.commit({ expect: [], write, timers: [...timers, whole] })).outcome, 'done');
}

async function namesLeft(store: Store): Promise<string[]> {
  const { rows } = await store.list({ ...PLACE, kind: 'Part', sortBy: 'name', order: 'ascending', limit: 10 });
  return rows.map(({ key }) => key.name);
}

/** The store, where something happens instead of, or before, some commits. */
const meddled = (store: Store, meddle: (count: number, commit: Commit) => Promise<CommitResult | undefined>): Store => {
  let count = 0;
  return { ...store, commit: async (commit) => (await meddle(++count, commit)) ?? store.commit(commit) };
};

test('rows of one list go, page by page, each with what belongs to it, and no others', () =>
  withSqliteStore(async ({ store }) => {
    await filled(store);
    const pages: string[][] = [];
    await removeRows(store, PARTS, (rows) => {
      pages.push(rows.map(({ key }) => key.name));
      return { timers: rows.map(({ key }) => ({ reconciler: 'part', key, dueAtMs: null })) };
    });
    assert.deepEqual(pages, [['a', 'b'], ['c', 'd'], ['e']]);
    assert.deepEqual(await namesLeft(store), ['f']);
    assert.deepEqual(await store.timers({ limit: 10 }), [{ reconciler: 'whole', key: keyOf('whole', 'Whole'), dueAtMs: 5 }]);
  }));

test('a row that is written meanwhile, and an answer that is lost, are looked at again at once', () =>
  withSqliteStore(async ({ store }) => {
    await filled(store);
    const meddling = meddled(store, async (count, commit) => {
      if (count === 1) await store.commit({ expect: [], write: [part('b')] });
      if (count !== 3) return undefined;
      await store.commit(commit);
      return { outcome: 'unknown', reason: 'lost' };
    });
    const asked: string[] = [];
    await removeRows(meddling, PARTS, (rows) => {
      asked.push(rows.map(({ key }) => key.name).join());
      return {};
    });
    assert.deepEqual(asked, ['a,b', 'a,b', 'c,d', 'e']);
    assert.deepEqual(await namesLeft(store), ['f']);
  }));

test('a store that cannot write ends the look; what was removed stays so, and the next look goes on', () =>
  withSqliteStore(async ({ store }) => {
    await filled(store);
    const full = meddled(store, async (count) => {
      if (count > 1) throw new BackendError('storage', 'full', { retryable: true });
      return undefined;
    });
    await assert.rejects(removeRows(full, PARTS), { name: 'BackendError' });
    assert.deepEqual(await namesLeft(store), ['c', 'd', 'e', 'f']);
    await removeRows(store, PARTS);
    assert.deepEqual(await namesLeft(store), ['f']);
  }));

test('the last step takes the row and its timer, also when somebody wrote the row or there is none', () =>
  withSqliteStore(async ({ store }) => {
    await filled(store);
    const key = keyOf('whole', 'Whole');
    const meddling = meddled(store, async (count) => {
      if (count === 1) await store.commit({ expect: [], write: [writeOf(key, { more: true }, TIMES)] });
      return undefined;
    });
    await removeWithTimer(meddling, 'whole', key);
    assert.equal(await store.get(key), undefined);
    await store.commit({ expect: [], timers: [{ reconciler: 'whole', key, dueAtMs: 9 }] });
    await removeWithTimer(store, 'whole', key);
    assert.deepEqual(
      (await store.timers({ limit: 10 })).filter(({ reconciler }) => reconciler === 'whole'),
      [],
    );
  }));
