import assert from 'node:assert/strict';
import { keyOf, type Check } from './port-suite.ts';
import type { ListQuery, Row, Store, Write } from './port.ts';

export function addListSuite(check: Check): void {
  addModelSuite(check);
  addNameSuite(check);
  addChangeSuite(check);
}

/** Pagination against a model: every list equals filter + sort of all rows, whatever the page size and the moment of cutting. */
function addModelSuite(check: Check): void {
  check('lists equal filter and sort of all rows, in pages of any size (seeded)', async ({ store }) => {
    const seed = Number(process.env.SLIPWAY_TEST_SEED ?? 20_240_607);
    const random = randomFrom(seed);
    const rows = Array.from({ length: 400 }, (_, count) => randomRow(random, count));
    await writeAll(store, rows);
    for (let round = 0; round < 300; round += 1) {
      const query = randomQuery(random);
      const expected = modelList(rows, query);
      const got = await allPages(store, { ...query, limit: random.below(12) + 1 });
      assert.deepEqual(got, expected, `seed ${seed}, round ${round}: ${JSON.stringify(query)}`);
    }
  });

  check('rows of a parent are counted behind an ordinal, and by facet', async ({ store }) => {
    await writeAll(
      store,
      Array.from({ length: 20 }, (_, at) => ({
        key: keyOf(`n${at}`),
        document: {},
        index: {
          parent: at % 2 ? 'odd' : 'even',
          ...(at % 3 === 0 && { facet: 'third' }),
          createdAtMs: 0,
          modifiedAtMs: 0,
          ...(at < 18 && { ordinal: at }),
        },
      })),
    );
    assert.equal(await store.count({ ...SCOPE, parent: 'odd', ordinalAbove: -1 }), 9);
    assert.equal(await store.count({ ...SCOPE, parent: 'odd', ordinalAbove: 15 }), 1);
    assert.equal(await store.count({ ...SCOPE, parent: 'even', facet: 'third', ordinalAbove: 6 }), 1);
    assert.equal(await store.count({ ...SCOPE, parent: 'none', ordinalAbove: -1 }), 0);
  });

  check('a page tells truly whether there is more', async ({ store }) => {
    await writeAll(
      store,
      Array.from({ length: 6 }, (_, count) => ({
        key: keyOf(`n${count}`),
        document: {},
        index: { createdAtMs: count, modifiedAtMs: 0 },
      })),
    );
    for (const sortBy of ['name', 'created'] as const) {
      const list = (limit: number) => store.list({ ...SCOPE, sortBy, order: 'descending', limit });
      assert.equal((await list(6)).next, undefined);
      assert.equal((await list(7)).next, undefined);
      const page = await list(5);
      assert.deepEqual(
        page.rows.map((row) => row.key.name),
        ['n5', 'n4', 'n3', 'n2', 'n1'],
      );
      assert.ok(page.next);
    }
  });
}

function addNameSuite(check: Check): void {
  check('names sort by UTF-8 bytes; a prefix is a range; any name can be the start', async ({ store }) => {
    const names = ['a', 'a/', 'a/1', 'a/\u{1f600}', 'a/\uffff', 'a0', 'A', 'b', 'é', 'a/\u007f', 'a/1/x'];
    await writeAll(
      store,
      names.map((name) => ({ key: keyOf(name), document: {}, index: { createdAtMs: 0, modifiedAtMs: 0 } })),
    );
    const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const namesOf = async (more: Partial<ListQuery>) =>
      (await store.list({ ...SCOPE, sortBy: 'name', order: 'ascending', limit: 50, ...more })).rows.map((row) => row.key.name);
    const from = (name: string) => ({ sort: name, name });
    assert.deepEqual(await namesOf({}), sorted);
    assert.deepEqual(await namesOf({ order: 'descending' }), [...sorted].reverse());
    assert.deepEqual(await namesOf({ namePrefix: 'a/' }), ['a/', 'a/1', 'a/1/x', 'a/\u007f', 'a/\uffff', 'a/\u{1f600}']);
    assert.deepEqual(await namesOf({ namePrefix: 'a/', after: from('a/1') }), ['a/1/x', 'a/\u007f', 'a/\uffff', 'a/\u{1f600}']);
    assert.deepEqual(await namesOf({ namePrefix: 'a/', after: from('a/2') }), ['a/\u007f', 'a/\uffff', 'a/\u{1f600}']);
    assert.deepEqual(await namesOf({ namePrefix: 'a/', after: from('A') }), [
      'a/',
      'a/1',
      'a/1/x',
      'a/\u007f',
      'a/\uffff',
      'a/\u{1f600}',
    ]);
    assert.deepEqual(await namesOf({ namePrefix: 'a/', after: from('b') }), []);
    assert.deepEqual(await namesOf({ namePrefix: 'a/', after: from('a/1/x'), order: 'descending' }), ['a/1', 'a/']);
    assert.deepEqual(await namesOf({ namePrefix: 'a/', after: from('zzz'), order: 'descending' }), [
      'a/\u{1f600}',
      'a/\uffff',
      'a/\u007f',
      'a/1/x',
      'a/1',
      'a/',
    ]);
    assert.deepEqual(await namesOf({ namePrefix: '\u{10ffff}' }), []);
    assert.deepEqual(await namesOf({ after: from('a/1/\u{10ffff}') }), sorted.slice(sorted.indexOf('a/\u007f')));
  });
}

function addChangeSuite(check: Check): void {
  check('a filter that few of many rows meet finds them all, also far away', async ({ store }) => {
    const rows = Array.from({ length: 3_000 }, (_, count) => ({
      key: keyOf(`n${String(count).padStart(5, '0')}${count % 1_000 === 999 ? '-Needle' : ''}`),
      document: { count },
      index: { createdAtMs: count, modifiedAtMs: count % 10, facet: count % 500 === 499 ? 'rare' : 'usual' },
    }));
    await writeAll(store, rows);
    const query = { ...SCOPE, sortBy: 'created', order: 'ascending', limit: 2 } as const;
    assert.deepEqual(
      (await store.list({ ...query, nameContains: 'nEEDle' })).rows.map((row) => row.document.count),
      [999, 1_999],
    );
    assert.equal((await allPages(store, { ...query, nameContains: 'needle' })).length, 3);
    assert.equal((await allPages(store, { ...query, sortBy: 'modified', facet: 'rare' })).length, 6);
    assert.deepEqual(await store.list({ ...query, nameContains: 'absent' }), { rows: [] });
    for (const limit of [1, 3, 4]) {
      const names = await allPages(store, { ...query, order: 'descending', nameContains: 'needle', limit });
      assert.equal(names.length, 3, `a page of ${limit} that is full does not hide what lies far behind it`);
    }
  });

  check('a span of time is listed in another order than that of time, be it short or long', async ({ store }) => {
    const rows = Array.from({ length: 1_500 }, (_, count) => ({
      key: keyOf(`n${(count * 7_919) % 1_500}`),
      document: {},
      index: { createdAtMs: count, modifiedAtMs: (count * 31) % 97, ...(count % 3 > 0 && { ordinal: count % 50 }) },
    }));
    await writeAll(store, rows);
    for (const createdAfterMs of [-1, 700, 1_480]) {
      for (const sortBy of ['name', 'modified', 'ordinal'] as const) {
        const query = { ...SCOPE, createdAfterMs, createdBeforeMs: 1_490, sortBy, order: 'descending', limit: 90 } as const;
        assert.deepEqual(await allPages(store, query), modelList(rows, query), JSON.stringify(query));
      }
    }
  });

  check('rows that come and go between pages disturb no other row', async ({ store }) => {
    await writeAll(
      store,
      ['b', 'd', 'f', 'h'].map((name) => ({ key: keyOf(name), document: {}, index: { createdAtMs: 5, modifiedAtMs: 5 } })),
    );
    const query: ListQuery = { ...SCOPE, sortBy: 'created', order: 'ascending', limit: 2 };
    const first = await store.list(query);
    assert.deepEqual(
      first.rows.map((row) => row.key.name),
      ['b', 'd'],
    );
    await store.commit({
      expect: [],
      remove: [keyOf('d'), keyOf('f')],
      write: [
        { key: keyOf('a'), document: {}, index: { createdAtMs: 5, modifiedAtMs: 5 } },
        { key: keyOf('g'), document: {}, index: { createdAtMs: 5, modifiedAtMs: 5 } },
      ],
    });
    const rest = await store.list({ ...query, after: first.next, limit: 10 });
    assert.deepEqual(
      rest.rows.map((row) => row.key.name),
      ['g', 'h'],
    );
  });
}

const SCOPE = { account: '123456789012', region: 'us-east-1', kind: 'Thing' } as const;

async function writeAll(store: Store, writes: readonly Write[]): Promise<void> {
  for (let from = 0; from < writes.length; from += 200) {
    assert.equal((await store.commit({ expect: [], write: writes.slice(from, from + 200) })).outcome, 'done');
  }
}

async function allPages(store: Store, query: ListQuery): Promise<string[]> {
  const names: string[] = [];
  let after = query.after;
  do {
    const page = await store.list({ ...query, after });
    assert.ok(page.rows.length <= query.limit);
    names.push(...page.rows.map((row) => row.key.name));
    after = page.next;
  } while (after);
  return names;
}

export interface Random {
  below(end: number): number;
  pick<T>(from: readonly T[]): T;
  chance(percent: number): boolean;
}

/** mulberry32: small, seedable, good enough to choose cases. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number) => Math.floor(next() * end);
  return { below, pick: (from) => from[below(from.length)] as (typeof from)[number], chance: (percent) => below(100) < percent };
}

const PREFIXES = ['alpha', 'Alpha', 'beta/', 'beta/x', 'é', '\u{1f600}'];

function randomRow(random: Random, count: number): Write {
  return {
    key: keyOf(`${random.pick(PREFIXES)}-${random.below(30)}-${count}`),
    document: { count },
    index: {
      createdAtMs: 1_000 + random.below(40),
      modifiedAtMs: 1_000 + random.below(40),
      ...(random.chance(70) && { parent: random.pick(['p1', 'p2']) }),
      ...(random.chance(80) && { status: random.pick(['Completed', 'Failed', 'InProgress']) }),
      ...(random.chance(50) && { facet: random.pick(['Approved', 'Rejected']) }),
      ...(random.chance(60) && { ordinal: random.below(20) - 5 }),
    },
  };
}

function randomQuery(random: Random): ListQuery {
  const maybe = <T>(percent: number, value: () => T) => (random.chance(percent) ? value() : undefined);
  const time = () => 995 + random.below(50);
  return {
    ...SCOPE,
    limit: 5,
    sortBy: random.pick(['name', 'created', 'modified', 'status', 'ordinal'] as const),
    order: random.pick(['ascending', 'descending'] as const),
    parent: maybe(40, () => random.pick(['p1', 'p2', 'p3'])),
    status: maybe(30, () => random.pick(['Completed', 'Failed', 'None'])),
    facet: maybe(20, () => random.pick(['Approved', 'Rejected'])),
    namePrefix: maybe(30, () => random.pick([...PREFIXES, '', 'z'])),
    nameContains: maybe(20, () => random.pick(['-1', 'ALPHA', 'x-', 'é'])),
    createdAfterMs: maybe(20, time),
    createdBeforeMs: maybe(20, time),
    modifiedAfterMs: maybe(10, time),
    modifiedBeforeMs: maybe(10, time),
  };
}

/** The same by filter and sort over everything. */
function modelList(rows: readonly Write[], query: ListQuery): string[] {
  const matches = rows.filter(
    ({ key, index }) =>
      (['parent', 'status', 'facet'] as const).every(
        (column) => query[column] === undefined || index[column] === query[column],
      ) &&
      key.name.startsWith(query.namePrefix ?? '') &&
      key.name.toLowerCase().includes((query.nameContains ?? '').toLowerCase()) &&
      index.createdAtMs > (query.createdAfterMs ?? -1) &&
      index.createdAtMs < (query.createdBeforeMs ?? 1e15) &&
      index.modifiedAtMs > (query.modifiedAfterMs ?? -1) &&
      index.modifiedAtMs < (query.modifiedBeforeMs ?? 1e15) &&
      ((query.sortBy !== 'status' && query.sortBy !== 'ordinal') || index[query.sortBy] !== undefined),
  );
  const sortValue = ({ key, index }: Pick<Row, 'key' | 'index'>) =>
    ({
      name: key.name,
      created: index.createdAtMs,
      modified: index.modifiedAtMs,
      status: index.status,
      ordinal: index.ordinal,
    })[query.sortBy];
  const compare = (a: Write, b: Write) => {
    const [one, other] = [sortValue(a), sortValue(b)];
    const bySort =
      typeof one === 'number' && typeof other === 'number'
        ? one - other
        : Buffer.compare(Buffer.from(String(one)), Buffer.from(String(other)));
    return bySort || Buffer.compare(Buffer.from(a.key.name), Buffer.from(b.key.name));
  };
  const sorted = matches.sort(compare).map(({ key }) => key.name);
  return query.order === 'ascending' ? sorted : sorted.reverse();
}
