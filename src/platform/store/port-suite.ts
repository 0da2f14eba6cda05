import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventInput } from '../events/event.ts';
import { canonicalJson } from '../ledger/canonical.ts';
import { CHAIN_START, chainHash } from '../ledger/chain.ts';
import type { LedgerInput } from '../ledger/entry.ts';
import { keyText, type ResourceKey } from '../resource-key.ts';
import { addListSuite } from './port-suite-lists.ts';
import type { Commit, Row, Store, Timer, Write } from './port.ts';

/** What an adapter gives the suite. Each call of `open` is a new, empty store. */
export interface StoreFactory {
  readonly name: string;
  /** `reopen` closes the store and opens the same state again, as a restart does; undefined where state dies with it. */
  open(): Promise<{ readonly store: Store; reopen?(): Promise<Store>; end(): Promise<void> }>;
}

export const keyOf = (name: string, kind = 'Thing'): ResourceKey => ({
  account: '123456789012',
  region: 'us-east-1',
  kind,
  name,
});

export const writeOf = (name: string, more: Partial<Write> = {}): Write => ({
  key: keyOf(name),
  document: { name },
  index: { createdAtMs: 1, modifiedAtMs: 1 },
  ...more,
});

const eventOf = (name: string): EventInput => ({
  source: 'aws.sagemaker',
  detailType: 'Thing Change',
  account: '1',
  region: 'r',
  timeMs: Date.now(),
  resources: [name],
  detail: { name },
});

const entryOf = (action: string): LedgerInput => ({
  timeMs: 1,
  account: '1',
  region: 'r',
  actor: 'arn:actor',
  action,
  outcome: 'done',
  resources: ['arn:thing'],
  changes: { Status: [null, 'é\u2028"\\'] },
});

/** Runs the contract of the Store port on an adapter. */
export function runStoreSuite(factory: StoreFactory): void {
  const check = (title: string, run: (opened: Awaited<ReturnType<StoreFactory['open']>>) => Promise<void>) =>
    test(`${factory.name}: ${title}`, async () => {
      const opened = await factory.open();
      try {
        await run(opened);
      } finally {
        await opened.end();
      }
    });
  addRowSuite(check);
  addConflictSuite(check);
  addOrderSuite(check);
  addRecordSuite(check);
  addLinkSuite(check);
  addListSuite(check);
  addReopenSuite(check);
}

export type Check = (title: string, run: (opened: Awaited<ReturnType<StoreFactory['open']>>) => Promise<void>) => void;

const done = async (store: Store, commit: Partial<Commit>) =>
  assert.equal((await store.commit({ expect: [], ...commit })).outcome, 'done');

function addRowSuite(check: Check): void {
  check('a row reads as it was written, and its version counts', async ({ store }) => {
    const document = {
      text: 'é\u{1f600}\u2028\u0000',
      deep: { list: [1, 2.5, null, true, { a: '' }] },
      big: 2 ** 53 - 1,
      gone: undefined,
    };
    const index = {
      parent: 'p',
      status: 's',
      facet: 'f',
      createdAtMs: 1_700_000_000_123,
      modifiedAtMs: 1_700_000_000_456,
      ordinal: 0,
    };
    const name = 'bucket/é/\u{1f600}/a b%2F..//x';
    const made = await store.commit({ expect: [], write: [writeOf(name, { document, index })] });
    const row = await store.get(keyOf(name));
    const version = made.outcome === 'done' ? made.firstVersion : 0;
    assert.ok(version > 0);
    assert.deepEqual(row, { key: keyOf(name), version, document: JSON.parse(JSON.stringify(document)), index });
    await done(store, { expect: [{ key: keyOf(name), version }], write: [writeOf(name)] });
    assert.deepEqual(await store.get(keyOf(name)), {
      key: keyOf(name),
      version: version + 1,
      document: { name },
      index: { createdAtMs: 1, modifiedAtMs: 1 },
    });
    await done(store, { expect: [{ key: keyOf(name), version: version + 1 }], remove: [keyOf(name)] });
    assert.equal(await store.get(keyOf(name)), undefined);
  });

  check('what was decided by a row that was removed and made anew meanwhile meets a conflict', async ({ store }) => {
    const key = keyOf('a');
    await done(store, { expect: [{ key, version: 0 }], write: [writeOf('a')] });
    const { version } = (await store.get(key)) as Row;
    await done(store, { expect: [{ key, version }], remove: [key] });
    await done(store, { expect: [{ key, version: 0 }], write: [writeOf('a')] });
    assert.equal((await store.commit({ expect: [{ key, version }], write: [writeOf('a')] })).outcome, 'conflict');
  });

  check('keys differ by account, region, kind and name, with their case', async ({ store }) => {
    const keys = [
      keyOf('a'),
      keyOf('A'),
      keyOf('a', 'Other'),
      { ...keyOf('a'), region: 'eu-west-1' },
      { ...keyOf('a'), account: '1' },
    ];
    await done(store, { write: keys.map((key, count) => ({ ...writeOf('x'), key, document: { count } })) });
    const rows = await store.getMany([...keys, keyOf('absent'), keys[0] as ResourceKey]);
    assert.deepEqual(
      rows.map((row) => row?.document.count),
      [0, 1, 2, 3, 4, undefined, 0],
    );
  });
}

function addConflictSuite(check: Check): void {
  check('a conflict changes nothing and names what did not hold', async ({ store }) => {
    await done(store, { write: [writeOf('a'), writeOf('b')] });
    const [a, b] = (await store.getMany([keyOf('a'), keyOf('b')])) as [Row, Row];
    const outcome = await store.commit({
      expect: [
        { key: keyOf('a'), version: a.version },
        { key: keyOf('b'), version: b.version + 1 },
        { key: keyOf('c'), version: 0 },
        { key: keyOf('d'), version: 1 },
      ],
      write: [writeOf('a'), writeOf('c')],
      remove: [keyOf('b')],
      timers: [{ reconciler: 'r', key: keyOf('a'), dueAtMs: 1 }],
      events: [eventOf('a')],
      ledger: [entryOf('x')],
      refer: [{ from: keyOf('a'), to: keyOf('b') }],
    });
    assert.deepEqual(outcome, { outcome: 'conflict', keys: [keyOf('b'), keyOf('d')] });
    assert.equal((await store.get(keyOf('a')))?.version, a.version);
    assert.equal(await store.get(keyOf('c')), undefined);
    assert.deepEqual(await store.timers({ limit: 10 }), []);
    assert.deepEqual(await store.events({ afterSequence: 0, limit: 10 }), []);
    assert.deepEqual(await store.referrers(keyOf('b'), 10), []);
    assert.equal((await store.ledgerHead()).sequence, 0);
  });

  check('of many that expect the same version one wins; conflicts beside others undo only themselves', async ({ store }) => {
    await done(store, { write: [writeOf('counter', { document: { value: 0 } })] });
    let conflicts = 0;
    const increment = async (): Promise<void> => {
      const row = (await store.get<{ value: number }>(keyOf('counter'))) as Row<{ value: number }>;
      const outcome = await store.commit({
        expect: [{ key: row.key, version: row.version }],
        write: [{ ...row, document: { value: row.document.value + 1 } }],
        ledger: [entryOf('increment')],
        events: [eventOf('counter')],
      });
      if (outcome.outcome === 'done') return;
      assert.equal(outcome.outcome, 'conflict');
      conflicts += 1;
      return increment();
    };
    const others = Array.from({ length: 50 }, (_, count) =>
      store.commit({ expect: [{ key: keyOf(`n${count}`), version: 0 }], write: [writeOf(`n${count}`)] }),
    );
    await Promise.all(Array.from({ length: 20 }, increment));
    assert.ok((await Promise.all(others)).every(({ outcome }) => outcome === 'done'));
    assert.equal((await store.get(keyOf('counter')))?.document.value, 20);
    assert.ok(conflicts > 0);
    assert.equal((await store.ledgerHead()).sequence, 20);
    assert.equal((await store.events({ afterSequence: 0, limit: 100 })).length, 20);
  });

  check("later changes to the caller's objects do not reach the store", async ({ store }) => {
    const document = { list: ['a'] };
    const committing = store.commit({ expect: [], write: [writeOf('a', { document })] });
    document.list.push('b');
    await committing;
    assert.deepEqual((await store.get(keyOf('a')))?.document, { list: ['a'] });
  });
}

function addOrderSuite(check: Check): void {
  check('listeners hear of durable commits only, in order, before the caller', async ({ store }) => {
    const heard: string[] = [];
    const nameOf = (commit: Commit) => commit.write?.[0]?.key.name ?? '';
    const off = store.onCommitted((commit) => heard.push(nameOf(commit)));
    const names = Array.from({ length: 300 }, (_, count) => `n${count}`);
    const commits = names.map(async (name, count) => {
      const outcome = await store.commit({
        expect: count % 7 === 3 ? [{ key: keyOf(name), version: 9 }] : [],
        write: [writeOf(name)],
      });
      assert.equal(heard.includes(name), outcome.outcome === 'done');
    });
    await Promise.all(commits);
    assert.deepEqual(
      heard,
      names.filter((_, count) => count % 7 !== 3),
    );
    off();
    await done(store, { write: [writeOf('unheard')] });
    assert.equal(heard.includes('unheard'), false);
  });

  check('a commit that names a row twice is a mistake, not a choice', async ({ store }) => {
    await assert.rejects(store.commit({ expect: [], write: [writeOf('a'), writeOf('a')] }), { name: 'InvariantError' });
    await assert.rejects(store.commit({ expect: [], write: [writeOf('a')], remove: [keyOf('a')] }), { name: 'InvariantError' });
    await assert.rejects(store.commit({ expect: [], write: [writeOf('\ud800')] }), { name: 'InvariantError' });
  });

  check('large documents and many commits at once', async ({ store }) => {
    const large = 'x'.repeat(1_500_000);
    await Promise.all(
      Array.from({ length: 20 }, (_, count) => done(store, { write: [writeOf(`l${count}`, { document: { large, count } })] })),
    );
    assert.equal((await store.get<{ large: string }>(keyOf('l19')))?.document.large, large);
  });

  check('closing writes what was committed before and refuses what comes after', async ({ store, reopen }) => {
    const commits = Array.from({ length: 500 }, (_, count) => store.commit({ expect: [], write: [writeOf(`n${count}`)] }));
    const closing = store.close();
    await assert.rejects(store.commit({ expect: [], write: [writeOf('late')] }), { name: 'BackendError' });
    assert.ok((await Promise.all(commits)).every(({ outcome }) => outcome === 'done'));
    await closing;
    const again = await reopen?.();
    if (again) assert.ok(await again.get(keyOf('n499')));
  });
}

function addRecordSuite(check: Check): void {
  check('timers come by due time, move, and are cleared', async ({ store }) => {
    const timer = (name: string, dueAtMs: number, reconciler = 'r'): Timer => ({ reconciler, key: keyOf(name), dueAtMs });
    await done(store, { timers: [timer('c', 30), timer('a', 10), timer('b', 20), timer('a', 20, 'q'), timer('z', 99)] });
    await done(store, { timers: [timer('c', 5), { ...timer('z', 0), dueAtMs: null }, { ...timer('never', 0), dueAtMs: null }] });
    const expected = [timer('c', 5), timer('a', 10), timer('a', 20, 'q'), timer('b', 20)];
    assert.deepEqual(await store.timers({ limit: 10 }), expected);
    for (let limit = 1; limit <= 3; limit += 1) {
      const got: Timer[] = [];
      for (let page = await store.timers({ limit }); page.length > 0; page = await store.timers({ limit, after: got.at(-1) }))
        got.push(...page);
      assert.deepEqual(got, expected);
    }
  });

  check('events keep their order and content', async ({ store }) => {
    await Promise.all(
      Array.from({ length: 30 }, (_, count) => done(store, { events: [eventOf(`e${count}`), eventOf(`f${count}`)] })),
    );
    const first = await store.events({ afterSequence: 0, limit: 40 });
    const rest = await store.events({ afterSequence: first.at(-1)?.sequence ?? 0, limit: 40 });
    const all = [...first, ...rest];
    assert.deepEqual(
      all.map(({ resources }) => resources[0]),
      Array.from({ length: 30 }, (_, count) => [`e${count}`, `f${count}`]).flat(),
    );
    assert.ok(all.every(({ sequence }, at) => at === 0 || sequence > (all[at - 1]?.sequence ?? 0)));
    const { sequence: _, ...content } = all[0] as (typeof all)[number];
    assert.deepEqual(content, { ...eventOf('e0'), timeMs: content.timeMs });
  });

  check('ledger entries form a chain without gaps', async ({ store }) => {
    assert.deepEqual(await store.ledgerHead(), { sequence: 0, hash: CHAIN_START });
    await Promise.all(
      Array.from({ length: 25 }, (_, count) => done(store, { ledger: [entryOf(`a${count}`), entryOf(`b${count}`)] })),
    );
    const entries = await store.ledger({ afterSequence: 0, limit: 100 });
    assert.equal(entries.length, 50);
    let previousHash = CHAIN_START;
    entries.forEach((entry, at) => {
      assert.equal(entry.sequence, at + 1);
      assert.equal(entry.previousHash, previousHash);
      assert.equal(entry.hash, chainHash(previousHash, at + 1, canonicalJson(entry.entry)));
      previousHash = entry.hash;
    });
    assert.deepEqual(entries[0]?.entry, entryOf('a0'));
    assert.deepEqual(await store.ledgerHead(), { sequence: 50, hash: previousHash });
    assert.deepEqual(
      (await store.ledger({ afterSequence: 10, limit: 3 })).map(({ sequence }) => sequence),
      [11, 12, 13],
    );
  });
}

function addLinkSuite(check: Check): void {
  check('references last until dropped or until one side goes', async ({ store }) => {
    const [a, b, c, model] = [keyOf('a'), keyOf('b'), keyOf('c'), keyOf('model')];
    await done(store, {
      refer: [
        { from: a, to: model },
        { from: b, to: model },
        { from: c, to: model },
        { from: a, to: b },
      ],
    });
    await done(store, { refer: [{ from: a, to: model }] });
    assert.deepEqual((await store.referrers(model, 10)).map(keyText), [a, b, c].map(keyText));
    assert.equal((await store.referrers(model, 2)).length, 2);
    await done(store, { refer: [{ from: c, to: model, drop: true }] });
    await done(store, { remove: [b] });
    assert.deepEqual(await store.referrers(model, 10), [a]);
    assert.deepEqual(await store.referrers(b, 10), []);
    await done(store, { remove: [model] });
    assert.deepEqual(await store.referrers(model, 10), []);
  });

  check('blobs are used while a row says so', async ({ store }) => {
    const digests = ['1', '2', '3'].map((digit) => digit.repeat(64));
    const [one = '', two = '', three = ''] = digests;
    assert.deepEqual(await store.unusedBlobs(digests), digests);
    await done(store, { write: [writeOf('a', { blobs: [one, two] }), writeOf('b', { blobs: [two] })] });
    assert.deepEqual(await store.unusedBlobs(digests), [three]);
    await done(store, { write: [writeOf('a')] });
    assert.deepEqual(await store.unusedBlobs(digests), [three], 'a write that does not mention blobs keeps them');
    await done(store, { write: [writeOf('a', { blobs: [three] })] });
    assert.deepEqual(await store.unusedBlobs(digests), [one]);
    await done(store, { write: [writeOf('a', { blobs: [] })], remove: [keyOf('b')] });
    assert.deepEqual(await store.unusedBlobs(digests), digests);
  });
}

function addReopenSuite(check: Check): void {
  check('everything is there after a restart, and goes on', async ({ store, reopen }) => {
    if (!reopen) return;
    await done(store, {
      write: [writeOf('a', { blobs: ['4'.repeat(64)] })],
      timers: [{ reconciler: 'r', key: keyOf('a'), dueAtMs: 7 }],
      events: [eventOf('a')],
      ledger: [entryOf('one')],
      refer: [{ from: keyOf('a'), to: keyOf('b') }],
    });
    const head = await store.ledgerHead();
    const row = (await store.get(keyOf('a'))) as Row;
    const again = await reopen();
    assert.deepEqual(await again.get(keyOf('a')), row);
    assert.deepEqual(await again.timers({ limit: 5 }), [{ reconciler: 'r', key: keyOf('a'), dueAtMs: 7 }]);
    assert.deepEqual(await again.referrers(keyOf('b'), 5), [keyOf('a')]);
    assert.deepEqual(await again.unusedBlobs(['4'.repeat(64)]), []);
    assert.deepEqual(await again.ledgerHead(), head);
    await done(again, {
      expect: [{ key: row.key, version: row.version }],
      write: [writeOf('a')],
      ledger: [entryOf('two')],
      events: [eventOf('a')],
    });
    assert.equal((await again.ledger({ afterSequence: 1, limit: 5 }))[0]?.previousHash, head.hash);
    assert.equal((await again.events({ afterSequence: 0, limit: 5 })).length, 2);
  });
}
