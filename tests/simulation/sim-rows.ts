import type { CountQuery, Cursor, ListQuery, Page, Row } from '../../src/platform/store/port.ts';
import { keyText, type ResourceKey } from '../../src/platform/resource-key.ts';

/** Rows by key, and in the order of their names by kind and by parent, so that a list looks at its own rows only. */
export interface SimRows {
  get(key: ResourceKey): Row | undefined;
  put(row: Row): void;
  remove(key: ResourceKey): void;
  list(query: ListQuery): Page;
  count(query: CountQuery): number;
  /** Every row, or those of one kind in all accounts and regions; in no promised order. */
  all(kind?: string): Iterable<Row>;
}

const LIST_ROWS_MAX = 10_000;

export function createSimRows(): SimRows {
  const rows = new Map<string, Row>();
  const byKind = new Map<string, Map<string, Row>>();
  const sorted = new Map<string, Row[]>();
  const scopesOf = ({ key, index }: Row) =>
    index.parent === undefined ? [scopeText(key)] : [scopeText(key), scopeText(key, index.parent)];
  const takeOut = (row: Row) => {
    for (const scope of scopesOf(row)) {
      const within = sorted.get(scope) as Row[];
      within.splice(placeOf(within, row.key.name), 1);
      if (within.length === 0) sorted.delete(scope);
    }
  };
  const putIn = (row: Row) => {
    for (const scope of scopesOf(row)) {
      const within = sorted.get(scope);
      if (within) within.splice(placeOf(within, row.key.name), 0, row);
      else sorted.set(scope, [row]);
    }
  };
  return {
    get: (key) => rows.get(keyText(key)),
    put(row) {
      const text = keyText(row.key);
      const before = rows.get(text);
      rows.set(text, row);
      const kind = byKind.get(row.key.kind);
      if (kind) kind.set(text, row);
      else byKind.set(row.key.kind, new Map([[text, row]]));
      if (before && before.index.parent === row.index.parent) {
        for (const scope of scopesOf(row)) {
          const within = sorted.get(scope) as Row[];
          within[placeOf(within, row.key.name)] = row;
        }
        return;
      }
      if (before) takeOut(before);
      putIn(row);
    },
    remove(key) {
      const text = keyText(key);
      const before = rows.get(text);
      if (!before) return;
      rows.delete(text);
      byKind.get(key.kind)?.delete(text);
      takeOut(before);
    },
    list: (query) => pageOf(sorted.get(scopeText(query, query.parent)) ?? [], query),
    count(query) {
      const within = sorted.get(scopeText(query, query.parent)) ?? [];
      return within.filter(
        ({ index }) =>
          index.ordinal !== undefined &&
          index.ordinal > query.ordinalAbove &&
          (query.facet === undefined || index.facet === query.facet),
      ).length;
    },
    all: (kind) => (kind === undefined ? rows.values() : (byKind.get(kind)?.values() ?? [])),
  };
}

const scopeText = ({ account, region, kind }: Pick<ResourceKey, 'account' | 'region' | 'kind'>, parent?: string): string =>
  parent === undefined ? `${account}|${region}|${kind}` : `${account}|${region}|${kind}|${parent}`;

/** Where the row of this name is, or would go. */
function placeOf(rows: readonly Row[], name: string): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareUtf8((rows[middle] as Row).key.name, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Filter and sort of everything, then the page: what SQLite's indexes and bounded scans have to come to. */
function pageOf(byName: readonly Row[], query: ListQuery): Page {
  const limit = Math.min(query.limit, LIST_ROWS_MAX);
  if (limit <= 0) return { rows: [] };
  const filter = filterOf(query);
  const direction = query.order === 'ascending' ? 1 : -1;
  const { after } = query;
  const matches = byName.filter(
    (row) => filter(row) && (after === undefined || compareToCursor(row, query.sortBy, after) * direction > 0),
  );
  if (query.sortBy !== 'name') {
    // stable, and equal sort values are in the order of names already
    matches.sort((one, other) => compareValues(sortValue(one, query.sortBy), sortValue(other, query.sortBy)));
  }
  if (direction < 0) matches.reverse();
  const rows = matches.slice(0, limit);
  const last = rows.at(-1);
  return matches.length > limit && last ? { rows, next: { sort: sortValue(last, query.sortBy), name: last.key.name } } : { rows };
}

function filterOf(query: ListQuery): (row: Row) => boolean {
  const { status, facet, namePrefix = '', nameContains = '', sortBy } = query;
  const { createdAfterMs, createdBeforeMs, modifiedAfterMs, modifiedBeforeMs } = query;
  const part = nameContains.toLowerCase();
  const within = (timeMs: number, afterMs: number | undefined, beforeMs: number | undefined) =>
    (afterMs === undefined || timeMs > afterMs) && (beforeMs === undefined || timeMs < beforeMs);
  return ({ key, index }) =>
    (status === undefined || index.status === status) &&
    (facet === undefined || index.facet === facet) &&
    (namePrefix === '' || key.name.startsWith(namePrefix)) &&
    (part === '' || key.name.toLowerCase().includes(part)) &&
    within(index.createdAtMs, createdAfterMs, createdBeforeMs) &&
    within(index.modifiedAtMs, modifiedAfterMs, modifiedBeforeMs) &&
    (sortBy !== 'status' || index.status !== undefined) &&
    (sortBy !== 'ordinal' || index.ordinal !== undefined);
}

function sortValue({ key, index }: Row, sortBy: ListQuery['sortBy']): string | number {
  if (sortBy === 'name') return key.name;
  if (sortBy === 'created') return index.createdAtMs;
  if (sortBy === 'modified') return index.modifiedAtMs;
  return (sortBy === 'status' ? index.status : index.ordinal) ?? '';
}

/** A cursor of a list by name is its name alone. */
function compareToCursor(row: Row, sortBy: ListQuery['sortBy'], after: Cursor): number {
  const bySort = sortBy === 'name' ? 0 : compareValues(sortValue(row, sortBy), after.sort);
  return bySort || compareUtf8(row.key.name, after.name);
}

const compareValues = (one: string | number, other: string | number): number =>
  typeof one === 'number' && typeof other === 'number' ? one - other : compareUtf8(String(one), String(other));

/** Order of the UTF-8 bytes: that of the code points, which UTF-16 units follow but for surrogates. */
export function compareUtf8(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const left = one.charCodeAt(at);
    const right = other.charCodeAt(at);
    if (left !== right) return raised(left) - raised(right);
  }
  return one.length - other.length;
}

/** A surrogate stands for a code point behind all that one unit can say. */
const raised = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
