import type { DatabaseSync } from 'node:sqlite';
import type { StoredEvent } from '../../events/event.ts';
import type { JsonObject } from '../../json.ts';
import type { LedgerEntry, LedgerHead } from '../../ledger/entry.ts';
import { keyText, parseKeyText, type ResourceKey } from '../../resource-key.ts';
import type { CountQuery, Cursor, ListQuery, Page, Row, RowIndex, Timer } from '../port.ts';
import { type Statements, preparedStatements } from './open-connection.ts';
import { listStatementName } from './list-families.ts';
import { bindingsUpTo, compareCursors, cursorOf, type ListPlan, planList } from './plan-list.ts';
import type { STATEMENTS } from './statements.generated.ts';

/** Reads on one connection; synchronous, each bounded by the caller's limit. */
export interface Reads {
  get(key: ResourceKey): Row | undefined;
  /** At most `scanRows` rows are looked at where a filter has no index; `cut` tells that the page ended because of that. */
  list(query: ListQuery, scanRows: number): Page<JsonObject> & { readonly cut: boolean };
  count(query: CountQuery): number;
  referrers(key: ResourceKey, limit: number): ResourceKey[];
  timers(page: { after?: Timer; limit: number }): Timer[];
  events(page: { afterSequence: number; limit: number }): StoredEvent[];
  ledger(page: { afterSequence: number; limit: number }): LedgerEntry[];
  ledgerHead(): LedgerHead;
  unusedBlobs(digests: readonly string[]): string[];
}

/** version, parent, status, facet, created_at, modified_at, ordinal */
export type IndexColumns = [number, string | null, string | null, string | null, number, number, number | null];
type NamedColumns = [string, ...IndexColumns];

const LIST_ROWS_MAX = 10_000;
/** So many rows of a span of time are sorted in memory where another order is asked for; it takes about a millisecond. */
const FEW_ROWS = 500;

export function createReads(db: DatabaseSync): Reads {
  const statements = preparedStatements(db);
  const all = <T>(name: keyof typeof STATEMENTS, ...values: (string | number)[]): T[] =>
    statements(name).all(...values) as unknown as T[];
  return {
    get: (key) => getRow(statements, key),
    list: (query, scanRows) => listPage(statements, query, scanRows),
    count({ account, region, kind, parent, facet, ordinalAbove }) {
      const scope = [account, region, kind];
      const [found] =
        facet === undefined
          ? all<[number]>('countParent', ...scope, parent, ordinalAbove)
          : all<[number]>('countFacet', ...scope, parent, facet, ordinalAbove);
      return found?.[0] ?? 0;
    },
    referrers: (key, limit) => all<[string]>('referrers', keyText(key), limit).map(([from]) => parseKeyText(from)),
    timers: ({ after, limit }) =>
      all<[number, string, string]>(
        'timersAfter',
        after?.dueAtMs ?? Number.MIN_SAFE_INTEGER,
        after?.reconciler ?? '',
        after ? keyText(after.key) : '',
        limit,
      ).map(([dueAtMs, reconciler, key]) => ({ reconciler, key: parseKeyText(key), dueAtMs })),
    events: ({ afterSequence, limit }) =>
      all<[number, string]>('eventsAfter', afterSequence, limit).map(([sequence, document]) => ({
        ...JSON.parse(document),
        sequence,
      })),
    ledger: ({ afterSequence, limit }) =>
      all<[number, string, string, string]>('ledgerAfter', afterSequence, limit).map(([sequence, hash, previousHash, entry]) => ({
        sequence,
        hash,
        previousHash,
        entry: JSON.parse(entry),
      })),
    ledgerHead() {
      const [sequence = 0, hash = ''] = (all<[number, string]>('ledgerHead')[0] ?? []) as Partial<[number, string]>;
      return { sequence, hash };
    },
    unusedBlobs: (digests) => digests.filter((digest) => statements('isBlobUsed').get(digest) === undefined),
  };
}

function getRow(statements: Statements, key: ResourceKey): Row | undefined {
  const found = statements('getRow').get(key.account, key.region, key.kind, key.name) as unknown as
    | [...IndexColumns, string]
    | undefined;
  return found && rowOf(key, found.slice(0, 7) as IndexColumns, found[7]);
}

function rowOf(key: ResourceKey, columns: IndexColumns, document: string): Row {
  return { key, version: columns[0], document: JSON.parse(document), index: indexOf(columns) };
}

/** Absent columns stay absent members, so that a row reads as it was written. */
export function indexOf([, parent, status, facet, createdAtMs, modifiedAtMs, ordinal]: IndexColumns): RowIndex {
  const index: { -readonly [M in keyof RowIndex]: RowIndex[M] } = { createdAtMs, modifiedAtMs };
  if (parent !== null) index.parent = parent;
  if (status !== null) index.status = status;
  if (facet !== null) index.facet = facet;
  if (ordinal !== null) index.ordinal = ordinal;
  return index;
}

function listPage(statements: Statements, query: ListQuery, scanRows: number): Page & { cut: boolean } {
  const plan = planList(query);
  const limit = Math.min(query.limit, LIST_ROWS_MAX);
  if (!plan.possible || limit <= 0) return { rows: [], cut: false };
  if (!plan.residual) return rangePage(statements, query, plan, limit);
  if (plan.part !== undefined) return findPage(statements, query, plan, limit, scanRows);
  return pageOfFew(statements, query, limit) ?? scanPage(statements, query, plan, limit, scanRows);
}

/** The index range alone answers: one row more than asked tells whether there is a next page. */
function rangePage(statements: Statements, query: ListQuery, plan: ListPlan, limit: number): Page & { cut: boolean } {
  const name = listStatementName('page', plan.family, plan.order) as keyof typeof STATEMENTS;
  const found = statements(name).all(...plan.bindings, limit + 1) as unknown as [...NamedColumns, string][];
  const rows = found
    .slice(0, limit)
    .map(([rowName, ...columns]) =>
      rowOf(
        { account: query.account, region: query.region, kind: query.kind, name: rowName },
        columns.slice(0, 7) as IndexColumns,
        columns[7] as string,
      ),
    );
  const last = rows.at(-1);
  return found.length > limit && last
    ? { rows, next: cursorOf(query, last.key.name, last.index), cut: false }
    : { rows, cut: false };
}

/**
 * What was made or changed within a short span, in another order than that of time: that order's index would be read from its start, past everything
 * that is older. Undefined when no span is asked for or it has many rows; then they are not far from one another in any order.
 */
function pageOfFew(statements: Statements, query: ListQuery, limit: number): (Page & { cut: boolean }) | undefined {
  const isSpan = query.createdAfterMs !== undefined || query.createdBeforeMs !== undefined;
  const sortBy = isSpan ? 'created' : 'modified';
  if (!isSpan && query.modifiedAfterMs === undefined && query.modifiedBeforeMs === undefined) return undefined;
  if (sortBy === query.sortBy) return undefined;
  const plan = planList({ ...query, sortBy, order: 'ascending', after: undefined });
  if (!plan.possible) return { rows: [], cut: false };
  const name = listStatementName('scan', plan.family, plan.order) as keyof typeof STATEMENTS;
  const found = statements(name).all(...plan.bindings, FEW_ROWS + 1) as unknown as NamedColumns[];
  if (found.length > FEW_ROWS) return undefined;
  const sign = query.order === 'ascending' ? 1 : -1;
  const cursors = found.flatMap(([rowName, ...columns]) => {
    const index = indexOf(columns);
    const sorts = (query.sortBy !== 'status' && query.sortBy !== 'ordinal') || index[query.sortBy] !== undefined;
    return sorts && (plan.residual?.(rowName, index) ?? true) ? [cursorOf(query, rowName, index)] : [];
  });
  const { after } = query;
  const behind = after ? cursors.filter((cursor) => sign * compareCursors(cursor, after) > 0) : cursors;
  const page = behind.sort((a, b) => sign * compareCursors(a, b)).slice(0, limit);
  const { account, region, kind } = query;
  const rows = page.flatMap((cursor) => getRow(statements, { account, region, kind, name: cursor.name }) ?? []);
  return behind.length > limit ? { rows, next: page.at(-1), cut: false } : { rows, cut: false };
}

/** Names are compared where they are read, in the index: ten times as fast as row by row, which is what NameContains asks of every list. */
function findPage(
  statements: Statements,
  query: ListQuery,
  plan: ListPlan,
  limit: number,
  scanRows: number,
): Page & { cut: boolean } {
  const statement = (head: 'bound' | 'find') =>
    statements(listStatementName(head, plan.family, plan.order) as keyof typeof STATEMENTS);
  const ends = statement('bound').all(...plan.bindings, scanRows - 1) as unknown as [string, string | number][];
  const [last, behind] = ends.map(([name, sort]) => ({ name, sort }));
  const bindings = last && behind ? bindingsUpTo(plan, last, behind) : plan.bindings;
  const found = statement('find').all(...bindings, plan.part ?? '', limit + 1) as unknown as NamedColumns[];
  const { account, region, kind } = query;
  const page = found.slice(0, limit).map(([name, ...columns]) => cursorOf(query, name, indexOf(columns)));
  const rows = page.flatMap(({ name }) => getRow(statements, { account, region, kind, name }) ?? []);
  if (found.length > limit) return { rows, next: page.at(-1), cut: false };
  if (!last || !behind) return { rows, cut: false };
  // among rows of one status the order by name stands for that by status
  const sort = query.sortBy === 'status' && query.status !== undefined ? query.status : last.sort;
  return { rows, next: { sort, name: last.name }, cut: true };
}

/** Reads columns without documents along the range, filters, and fetches the documents of the matches. */
function scanPage(
  statements: Statements,
  query: ListQuery,
  plan: ListPlan,
  limit: number,
  scanRows: number,
): Page & { cut: boolean } {
  const name = listStatementName('scan', plan.family, plan.order) as keyof typeof STATEMENTS;
  const rows: Row[] = [];
  let next: Cursor | undefined;
  let seen = 0;
  let last: Cursor | undefined;
  // one row beyond the budget is asked for, to tell a cut from the end of the range
  for (const found of statements(name).iterate(...plan.bindings, scanRows + 1) as Iterable<unknown>) {
    if (seen === scanRows) return { rows, next: last, cut: true };
    seen += 1;
    const [rowName, ...columns] = found as NamedColumns;
    const index = indexOf(columns);
    if (plan.residual?.(rowName, index)) {
      if (rows.length === limit) return { rows, next, cut: false };
      const row = getRow(statements, { account: query.account, region: query.region, kind: query.kind, name: rowName });
      if (row) rows.push(row);
      next = cursorOf(query, rowName, index);
    }
    last = cursorOf(query, rowName, index);
  }
  return { rows, cut: false };
}
