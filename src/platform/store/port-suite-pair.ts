import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ResourceKey, keyText } from '../resource-key.ts';
import { randomFrom, type Random } from './port-suite-lists.ts';
import type { StoreFactory } from './port-suite.ts';
import type { Commit, ListQuery, Row, Store, Timer, Write } from './port.ts';

/**
 * Two adapters answer alike: random commits, good and bad, go to both, and every read of both is compared. What neither
 * suite nor port says is found here, for example how a page ends.
 */
export function runPairSuite(one: StoreFactory, other: StoreFactory): void {
  const seed = Number(process.env.SLIPWAY_TEST_SEED ?? 20_261_121);
  test(`${one.name} and ${other.name} answer alike (seeded)`, async () => {
    await withPair(one, other, async (stores, reopen) => {
      const random = randomFrom(seed);
      for (let round = 0; round < 40; round += 1) {
        const commits = Array.from({ length: 1 + random.below(15) }, () => randomCommit(random));
        await compare(stores, (store) => commitAll(store, commits), commits);
        if (random.chance(20)) await reopen();
        await compareReads(stores, random, `seed ${seed}, round ${round}`);
      }
    });
  });

  test(`${one.name} and ${other.name} page alike through thousands of rows`, async () => {
    await withPair(one, other, async (stores) => {
      const random = randomFrom(seed + 1);
      for (let from = 0; from < 2_400; from += 200) {
        const write = Array.from({ length: 200 }, (_, at) => bulkWrite(random, from + at));
        await compare(stores, async (store) => (await store.commit({ expect: [], write })).outcome, from);
      }
      for (let round = 0; round < 60; round += 1) {
        const rare = random.chance(50) ? { nameContains: 'RARE', parent: undefined, namePrefix: undefined } : {};
        const query = { ...randomQuery(random), ...rare, after: undefined, limit: random.pick([1, 2, 7, 50, 100]) };
        await compare(stores, (store) => allPages(store, query), query);
      }
    });
  });
}

/** Some are rare by name and facet, so that a page may end long before the next match. */
function bulkWrite(random: Random, count: number): Write {
  const rare = random.below(200) === 0;
  const write = randomWrite(random, `${random.pick(NAMES)}-${count}${rare ? '-rare' : ''}`, 'Thing');
  return rare ? { ...write, index: { ...write.index, facet: 'Rare' } } : write;
}

type Pair = readonly [Store, Store];

async function withPair(
  one: StoreFactory,
  other: StoreFactory,
  run: (stores: [Store, Store], reopen: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const opened = [await one.open(), await other.open()] as const;
  const stores: [Store, Store] = [opened[0].store, opened[1].store];
  try {
    await run(stores, async () => {
      stores[0] = (await opened[0].reopen?.()) ?? stores[0];
      stores[1] = (await opened[1].reopen?.()) ?? stores[1];
    });
  } finally {
    for (const each of opened) await each.end();
  }
}

async function compare<T>([one, other]: Pair, ask: (store: Store) => Promise<T>, what: unknown): Promise<void> {
  assert.deepEqual(await ask(other), await ask(one), JSON.stringify(what));
}

/** Versions are each adapter's own: a commit that is to expect 1 expects the version there is before all of them, one with 2 another. */
async function commitAll(store: Store, commits: readonly Commit[]): Promise<unknown[]> {
  const expected = await Promise.all(
    commits.map(({ expect }) =>
      Promise.all(
        expect.map(async ({ key, version }) => ({
          key,
          version: version === 0 ? 0 : ((await store.get(key))?.version ?? 0) + version - 1,
        })),
      ),
    ),
  );
  const outcomeOf = async (commit: Commit) => {
    const result = await store.commit(commit);
    return result.outcome === 'done' ? result.outcome : result;
  };
  return Promise.all(commits.map((commit, at) => resultOf(outcomeOf({ ...commit, expect: expected[at] ?? [] }))));
}

const rowsOf = (rows: readonly (Row | undefined)[]): unknown[] =>
  rows.map((row) => row && { key: row.key, document: row.document, index: row.index });

/** A refusal counts as an answer, by its family: texts are an adapter's own. */
const resultOf = (answer: Promise<unknown>): Promise<unknown> => answer.catch((error: Error) => error.name);

const KINDS = ['Thing', 'Other'];
const NAMES = ['a', 'A', 'a/1', 'a/2', 'b', 'é', '\u{1f600}', '\uffff', 'a|b', 'long/name/with/slashes'];
const DIGESTS = ['1', '2', '3', '4'].map((digit) => digit.repeat(64));
const TEXTS = ['', 'x', 'é\u2028"\\', '\u0000', '\ud800', '__proto__'];
const ACCOUNTS = ['111111111111', '222222222222'] as const;

const randomKey = (random: Random): ResourceKey => ({
  account: random.chance(85) ? ACCOUNTS[0] : ACCOUNTS[1],
  region: 'us-east-1',
  kind: random.pick(KINDS),
  name: random.pick(NAMES),
});

function randomWrite(random: Random, name: string, kind: string): Write {
  return {
    key: { account: ACCOUNTS[0], region: 'us-east-1', kind, name },
    document: {
      text: random.pick(TEXTS),
      deep: { list: [random.below(9), null, -0, 1.5, { [random.pick(TEXTS)]: true }], gone: undefined },
    },
    index: {
      createdAtMs: 1_000 + random.below(30),
      modifiedAtMs: 1_000 + random.below(30),
      ...(random.chance(70) && { parent: random.pick(['p1', 'p2', '']) }),
      ...(random.chance(80) && { status: random.pick(['Completed', 'Failed', 'InProgress']) }),
      ...(random.chance(50) && { facet: random.pick(['Approved', 'Rejected']) }),
      ...(random.chance(60) && { ordinal: random.below(20) - 5 }),
    },
    ...(random.chance(30) && { blobs: DIGESTS.filter(() => random.chance(40)) }),
  };
}

/** Mostly what a room would commit; now and then what no adapter takes: a row named twice, a name that is no text. */
function randomCommit(random: Random): Commit {
  const many = <T>(most: number, make: () => T): T[] => Array.from({ length: random.below(most + 1) }, make);
  const distinct = new Map(many(4, () => randomKey(random)).map((key) => [keyText(key), key]));
  const keys = random.chance(97) ? [...distinct.values()] : [...distinct.values(), ...distinct.values()];
  const [remove, written] = [keys.filter((_, at) => at % 3 === 2), keys.filter((_, at) => at % 3 !== 2)];
  const name = random.chance(98) ? undefined : random.pick(['', '\udc00']);
  return {
    expect: random.chance(50) ? many(2, () => ({ key: randomKey(random), version: random.below(3) })) : [],
    write: written.map((key) => ({ ...randomWrite(random, key.name, key.kind), key: { ...key, name: name ?? key.name } })),
    remove,
    refer: many(3, () => ({ from: randomKey(random), to: randomKey(random), drop: random.chance(30) })),
    timers: many(3, () => ({
      reconciler: random.pick(['r', 'q']),
      key: randomKey(random),
      dueAtMs: random.chance(30) ? null : random.below(50),
    })),
    events: many(2, () => ({
      source: 'aws.sagemaker',
      detailType: 'Thing Change',
      account: ACCOUNTS[0],
      region: 'us-east-1',
      timeMs: Date.now(),
      resources: [random.pick(NAMES)],
      detail: { text: random.pick(TEXTS), gone: undefined },
    })),
    ledger: many(2, () => ({
      timeMs: random.below(1_000),
      account: ACCOUNTS[0],
      region: 'us-east-1',
      actor: 'arn:actor',
      action: 'sagemaker:UpdateThing',
      outcome: 'done',
      resources: [random.pick(NAMES)],
      changes: { Text: [null, random.pick(TEXTS)] },
    })),
  };
}

function randomQuery(random: Random): ListQuery {
  const maybe = <T>(percent: number, value: () => T) => (random.chance(percent) ? value() : undefined);
  const time = () => 995 + random.below(40);
  return {
    account: ACCOUNTS[0],
    region: 'us-east-1',
    kind: 'Thing',
    limit: 1 + random.below(6),
    sortBy: random.pick(['name', 'created', 'modified', 'status', 'ordinal'] as const),
    order: random.pick(['ascending', 'descending'] as const),
    parent: maybe(40, () => random.pick(['p1', 'p2', 'none', ''])),
    status: maybe(30, () => random.pick(['Completed', 'Failed', 'None'])),
    facet: maybe(30, () => random.pick(['Approved', 'Rejected', 'Rare'])),
    namePrefix: maybe(20, () => random.pick([...NAMES, ''])),
    nameContains: maybe(20, () => random.pick(['1', 'A', 'é', 'RARE'])),
    createdAfterMs: maybe(20, time),
    createdBeforeMs: maybe(20, time),
    modifiedAfterMs: maybe(10, time),
    modifiedBeforeMs: maybe(10, time),
    after: maybe(10, () => ({ sort: 'a/1', name: 'a/1' })),
  };
}

async function compareReads(stores: Pair, random: Random, what: string): Promise<void> {
  for (let count = 0; count < 12; count += 1) {
    const drawn = randomQuery(random);
    // the cursor of nowhere is one by name
    const query = drawn.sortBy === 'name' ? drawn : { ...drawn, after: undefined };
    await compare(stores, (store) => listed(store, query), [what, query]);
    await compare(stores, (store) => allPages(store, query), [what, query]);
    const { account, region, kind, facet } = query;
    const counted = { account, region, kind, facet, parent: query.parent ?? 'p1', ordinalAbove: random.below(20) - 6 };
    await compare(stores, (store) => store.count(counted), [what, counted]);
  }
  const keys = Array.from({ length: 20 }, () => randomKey(random));
  await compare(stores, async (store) => rowsOf(await store.getMany(keys)), what);
  await compare(stores, async (store) => rowsOf([await store.get(keys[0] as ResourceKey)]), what);
  const limit = 1 + random.below(4);
  for (const key of keys) await compare(stores, (store) => store.referrers(key, limit), what);
  await compare(stores, allTimers, what);
  await compare(stores, (store) => store.unusedBlobs([...DIGESTS, ...DIGESTS]), what);
  await compare(stores, (store) => store.ledgerHead(), what);
  for (const log of ['events', 'ledger'] as const) {
    const page = { afterSequence: random.below(40), limit: random.below(30) };
    await compare<unknown>(stores, (store) => store[log](page), [what, page]);
    await compare<unknown>(stores, (store) => store[log]({ afterSequence: 0, limit: 10_000 }), what);
  }
}

async function listed(store: Store, query: ListQuery): Promise<unknown> {
  const { rows, next } = await store.list(query);
  return { rows: rowsOf(rows), next };
}

async function allTimers(store: Store): Promise<Timer[]> {
  const timers: Timer[] = [];
  for (
    let page = await store.timers({ limit: 3 });
    page.length > 0;
    page = await store.timers({ limit: 3, after: timers.at(-1) })
  ) {
    timers.push(...page);
  }
  return timers;
}

/** Names page by page: where pages end is part of the answer. */
async function allPages(store: Store, query: ListQuery): Promise<string[][]> {
  const pages: string[][] = [];
  let after = query.after;
  do {
    const page = await store.list({ ...query, after });
    pages.push(page.rows.map(({ key }) => key.name));
    after = page.next;
  } while (after);
  return pages;
}
