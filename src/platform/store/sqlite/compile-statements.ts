import {
  DummyDriver,
  Kysely,
  type SelectQueryBuilder,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import { fileURLToPath } from 'node:url';
import { indexNameOf, LIST_FAMILIES, type ListFamily, type ListOrder, listStatementName, SORT_COLUMNS } from './list-families.ts';

export const STATEMENTS_FILE = fileURLToPath(new URL('statements.generated.ts', import.meta.url));

interface Tables {
  resource: ResourceTable;
  timer: { reconciler: string; key: string; due_at: number };
  event: { sequence: number; time_at: number; document: string };
  ledger: { sequence: number; hash: string; previous_hash: string; entry: string };
  ledger_head: { id: number; sequence: number; hash: string };
  reference: { from_key: string; to_key: string };
  blob_use: { digest: string; key: string };
}
interface ResourceTable {
  account: string;
  region: string;
  kind: string;
  name: string;
  version: number;
  parent: string | null;
  status: string | null;
  facet: string | null;
  created_at: number;
  modified_at: number;
  ordinal: number | null;
  document: string;
}

interface Compilable {
  compile(): { readonly sql: string; readonly parameters: readonly unknown[] };
}

const db = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** A parameter is compiled under its name; the names in order tell the caller what to bind. */
const p = (name: string) => name as never;
const KEY = ['account', 'region', 'kind', 'name'] as const;
const INDEX_COLUMNS = ['version', 'parent', 'status', 'facet', 'created_at', 'modified_at', 'ordinal'] as const;

/** Statement text by name. Throws when Kysely would bind the parameters in another order than declared. */
export function compileStatements(): Record<string, string> {
  const statements: Record<string, string> = {};
  const add = (name: string, parameters: readonly string[], query: Compilable) => {
    const compiled = query.compile();
    if (compiled.parameters.join() !== parameters.join()) {
      throw new Error(`${name} binds ${compiled.parameters.join()}, declared ${parameters.join()}`);
    }
    statements[name] = compiled.sql;
  };
  addResourceStatements(add);
  addTimerStatements(add);
  addLogStatements(add);
  addLinkStatements(add);
  for (const family of LIST_FAMILIES) addListStatements(add, family);
  return statements;
}

type Add = (name: string, parameters: readonly string[], query: Compilable) => void;

function addResourceStatements(add: Add): void {
  const all = [...KEY, ...INDEX_COLUMNS, 'document'] as const;
  const whereKey = <T extends { where: SelectQueryBuilder<Tables, 'resource', object>['where'] }>(query: T): T =>
    KEY.reduce((some, column) => some.where(column, '=', p(column)) as unknown as T, query);
  add('getRow', KEY, whereKey(db.selectFrom('resource').select([...INDEX_COLUMNS, 'document']) as never));
  add('getIndex', KEY, whereKey(db.selectFrom('resource').select([...INDEX_COLUMNS]) as never));
  add('insertRow', all, db.insertInto('resource').values(Object.fromEntries(all.map((column) => [column, p(column)])) as never));
  const update = (name: string, columns: readonly string[]) =>
    add(
      name,
      [...columns, ...KEY],
      whereKey(
        db.updateTable('resource').set(Object.fromEntries(columns.map((column) => [column, p(column)])) as never) as never,
      ),
    );
  // SQLite rewrites the entries of every index that a SET names, changed or not: most updates change only these
  update('updateContent', ['version', 'document']);
  update('updateDocument', ['version', 'modified_at', 'document']);
  update('updateStatus', ['version', 'status', 'modified_at', 'document']);
  update('updateRow', [...INDEX_COLUMNS, 'document']);
  add('deleteRow', KEY, whereKey(db.deleteFrom('resource') as never));
  for (const [name, filters] of [
    ['countParent', ['parent']],
    ['countFacet', ['parent', 'facet']],
  ] as const) {
    const scope = ['account', 'region', 'kind', ...filters] as const;
    let query = db.selectFrom(resourceBy({ filters, sort: 'ordinal' })).select(sql<number>`count(*)`.as('rows'));
    for (const part of scope) query = query.where(part, '=', p(part));
    add(name, [...scope, 'ordinal'], query.where(sql<boolean>`ordinal > ${'ordinal'}`));
  }
}

/** The table, read by the index of a family. */
function resourceBy(family: ListFamily): 'resource' {
  const index = indexNameOf(family);
  return index === undefined
    ? 'resource'
    : (sql`resource`.as(sql`resource indexed by ${sql.ref(index)}`) as unknown as 'resource');
}

function addTimerStatements(add: Add): void {
  add(
    'putTimer',
    ['reconciler', 'key', 'due_at'],
    db
      .insertInto('timer')
      .values({ reconciler: p('reconciler'), key: p('key'), due_at: p('due_at') })
      .onConflict((oc) => oc.columns(['reconciler', 'key']).doUpdateSet((eb) => ({ due_at: eb.ref('excluded.due_at') }))),
  );
  add(
    'deleteTimer',
    ['reconciler', 'key'],
    db.deleteFrom('timer').where('reconciler', '=', p('reconciler')).where('key', '=', p('key')),
  );
  add(
    'timersAfter',
    ['due_at', 'reconciler', 'key', 'limit'],
    db
      .selectFrom('timer')
      .select(['due_at', 'reconciler', 'key'])
      .where(sql<boolean>`(due_at, reconciler, key) > (${'due_at'}, ${'reconciler'}, ${'key'})`)
      .orderBy('due_at')
      .orderBy('reconciler')
      .orderBy('key')
      .limit(p('limit')),
  );
}

function addLogStatements(add: Add): void {
  add(
    'insertEvent',
    ['time_at', 'document'],
    db.insertInto('event').values({ time_at: p('time_at'), document: p('document') } as never),
  );
  add(
    'eventsAfter',
    ['sequence', 'limit'],
    db
      .selectFrom('event')
      .select(['sequence', 'document'])
      .where('sequence', '>', p('sequence'))
      .orderBy('sequence')
      .limit(p('limit')),
  );
  // by sequence, which is nearly the order of time: needs no index of its own, and each call is bounded; the newest event
  // stays, since its sequence is what the next one follows
  add(
    'pruneEvents',
    ['limit', 'time_at'],
    db.deleteFrom('event').where(
      'sequence',
      '<=',
      sql<number>`(select coalesce(max(sequence), 0) from
      (select sequence, time_at from event order by sequence limit ${'limit'}) where time_at < ${'time_at'} and sequence < (select max(sequence) from event))`,
    ),
  );
  add(
    'insertLedger',
    ['sequence', 'hash', 'previous_hash', 'entry'],
    db.insertInto('ledger').values({
      sequence: p('sequence'),
      hash: p('hash'),
      previous_hash: p('previous_hash'),
      entry: p('entry'),
    }),
  );
  add(
    'ledgerAfter',
    ['sequence', 'limit'],
    db
      .selectFrom('ledger')
      .select(['sequence', 'hash', 'previous_hash', 'entry'])
      .where('sequence', '>', p('sequence'))
      .orderBy('sequence')
      .limit(p('limit')),
  );
  add('ledgerHead', [], db.selectFrom('ledger_head').select(['sequence', 'hash']));
  add('setLedgerHead', ['sequence', 'hash'], db.updateTable('ledger_head').set({ sequence: p('sequence'), hash: p('hash') }));
}

function addLinkStatements(add: Add): void {
  add(
    'putReference',
    ['from_key', 'to_key'],
    db
      .insertInto('reference')
      .values({ from_key: p('from_key'), to_key: p('to_key') })
      .onConflict((oc) => oc.doNothing()),
  );
  add(
    'deleteReference',
    ['from_key', 'to_key'],
    db.deleteFrom('reference').where('from_key', '=', p('from_key')).where('to_key', '=', p('to_key')),
  );
  add('deleteReferencesFrom', ['key'], db.deleteFrom('reference').where('from_key', '=', p('key')));
  add('deleteReferencesTo', ['key'], db.deleteFrom('reference').where('to_key', '=', p('key')));
  add(
    'referrers',
    ['to_key', 'limit'],
    db.selectFrom('reference').select('from_key').where('to_key', '=', p('to_key')).orderBy('from_key').limit(p('limit')),
  );
  add(
    'putBlobUse',
    ['digest', 'key'],
    db
      .insertInto('blob_use')
      .values({ digest: p('digest'), key: p('key') })
      .onConflict((oc) => oc.doNothing()),
  );
  add('deleteBlobUses', ['key'], db.deleteFrom('blob_use').where('key', '=', p('key')));
  add('isBlobUsed', ['digest'], db.selectFrom('blob_use').select('digest').where('digest', '=', p('digest')).limit(sql.lit(1)));
}

function addListStatements(add: Add, family: ListFamily): void {
  const orders: ListOrder[] =
    family.sort === 'name' ? ['ascending', 'ascendingAfter', 'descending'] : ['ascending', 'descending'];
  for (const order of orders) {
    const columns = ['name', ...INDEX_COLUMNS] as const;
    for (const [head, selected] of [
      ['page', [...columns, 'document']],
      ['scan', columns],
      ['find', columns],
      ['bound', ['name', SORT_COLUMNS[family.sort]]],
    ] as const) {
      const { query, parameters } = listQuery(family, order, selected);
      const found = head === 'find' ? query.where(sql<boolean>`instr(lower(name), ${'part'}) > 0`) : query;
      const page = head === 'bound' ? found.limit(sql.lit(2)).offset(p('offset')) : found.limit(p('limit'));
      const last = head === 'find' ? ['part', 'limit'] : [head === 'bound' ? 'offset' : 'limit'];
      add(listStatementName(head, family, order), [...parameters, ...last], page);
    }
  }
}

function listQuery(family: ListFamily, order: ListOrder, selected: readonly (keyof ResourceTable)[]) {
  const direction = order === 'descending' ? 'desc' : 'asc';
  let query = db
    .selectFrom(resourceBy(family))
    .select(selected as never)
    .where('account', '=', p('account'))
    .where('region', '=', p('region'))
    .where('kind', '=', p('kind'));
  const parameters = ['account', 'region', 'kind'];
  for (const filter of family.filters) {
    query = query.where(filter, '=', p(filter));
    parameters.push(filter);
  }
  const column = SORT_COLUMNS[family.sort];
  if (column === 'name') {
    query = query.where('name', order === 'ascendingAfter' ? '>' : '>=', p('low')).where('name', '<', p('high'));
    parameters.push('low', 'high');
  } else {
    const pair = sql`(${sql.ref(column)}, ${sql.ref('name')})`;
    if (column === 'status' || column === 'ordinal') query = query.where(column, 'is not', null);
    query = query
      .where(sql<boolean>`${pair} > (${'low'}, ${'lowName'})`)
      .where(sql<boolean>`${pair} < (${'high'}, ${'highName'})`)
      .orderBy(column, direction);
    parameters.push('low', 'lowName', 'high', 'highName');
  }
  return { query: query.orderBy('name', direction), parameters };
}

export function statementsText(statements: Record<string, string>): string {
  const lines = Object.entries(statements).map(([name, text]) => `  ${name}: ${JSON.stringify(text.replace(/\s+/g, ' '))},`);
  return `// Generated by generate-statements.ts; a test compares.\nexport const STATEMENTS = {\n${lines.join('\n')}\n} as const;\n`;
}
