import type { Cursor, ListQuery, RowIndex } from '../port.ts';
import { LIST_FAMILIES, type ListFamily, type ListOrder, type ListSort } from './list-families.ts';

/** How one page is read: a range of one index, and what is filtered while reading it. */
export interface ListPlan {
  readonly family: ListFamily;
  readonly order: ListOrder;
  /** Values for the statement up to its limit, in its order. */
  readonly bindings: readonly (string | number)[];
  /** False: no row can match. */
  readonly possible: boolean;
  /** Filters that the index range does not cover; undefined when there are none. */
  readonly residual: ((name: string, index: RowIndex) => boolean) | undefined;
  /** What names have to contain, in lower case, when nothing else is filtered while reading. */
  readonly part: string | undefined;
}

/** Behind every text that is stored: names and statuses never start with the last code point. */
const TEXT_END = '\u{10ffff}';
const NUMBER_END = Number.MAX_SAFE_INTEGER;

type Bound = readonly [sort: string | number, name: string];

/** Pure. `query.after` moves the range; the same query with the next cursor goes on where the page ended. */
export function planList(query: ListQuery): ListPlan {
  const family = chooseFamily(query);
  const scope = [query.account, query.region, query.kind];
  for (const filter of family.filters) scope.push(query[filter] as string);
  const range = family.sort === 'name' ? nameRange(query) : pairRange(query, family.sort);
  const bindings = [...scope, ...range.bindings];
  const { nameContains, ...others } = query;
  const part = nameContains && !residualFilter(others, family) ? nameContains.toLowerCase() : undefined;
  return { family, ...range, bindings, residual: residualFilter(query, family), part };
}

/** The plan's bindings up to a row: `last` is the last one to be read, `next` the one behind it. */
export function bindingsUpTo({ family, order, bindings }: ListPlan, last: Cursor, next: Cursor): (string | number)[] {
  if (family.sort === 'name') {
    const [scope, [low = '', high = '']] = [bindings.slice(0, -2), bindings.slice(-2)];
    return order === 'descending' ? [...scope, last.name, high] : [...scope, low, next.name];
  }
  const [scope, low, high] = [bindings.slice(0, -4), bindings.slice(-4, -2), bindings.slice(-2)];
  return order === 'descending' ? [...scope, next.sort, next.name, ...high] : [...scope, ...low, next.sort, next.name];
}

/** The cursor that continues behind a row. */
export function cursorOf(query: ListQuery, name: string, index: RowIndex): Cursor {
  return { sort: sortValue(query.sortBy, name, index), name };
}

function sortValue(sort: ListSort, name: string, index: RowIndex): string | number {
  if (sort === 'name') return name;
  if (sort === 'created') return index.createdAtMs;
  if (sort === 'modified') return index.modifiedAtMs;
  return (sort === 'status' ? index.status : index.ordinal) ?? '';
}

function chooseFamily(query: ListQuery): ListFamily {
  // among rows of one status, the order by status is the order by name
  const sort = query.sortBy === 'status' && query.status !== undefined && query.parent === undefined ? 'name' : query.sortBy;
  const fitting = LIST_FAMILIES.filter(
    (family) => family.sort === sort && family.filters.every((one) => query[one] !== undefined),
  );
  return fitting.reduce((best, family) => (family.filters.length > best.filters.length ? family : best));
}

function nameRange(query: ListQuery): Pick<ListPlan, 'order' | 'bindings' | 'possible'> {
  const prefix = query.namePrefix ?? '';
  const after = query.after?.name;
  let high = textAfterPrefix(prefix) ?? TEXT_END;
  if (query.order === 'descending') {
    if (after !== undefined && compareUtf8(after, high) < 0) high = after;
    return { order: 'descending', bindings: [prefix, high], possible: compareUtf8(prefix, high) < 0 };
  }
  if (after === undefined || compareUtf8(after, prefix) < 0) {
    return { order: 'ascending', bindings: [prefix, high], possible: true };
  }
  return { order: 'ascendingAfter', bindings: [after, high], possible: compareUtf8(after, high) < 0 };
}

function pairRange(query: ListQuery, sort: Exclude<ListSort, 'name'>): Pick<ListPlan, 'order' | 'bindings' | 'possible'> {
  let [low, high] = outerBounds(query, sort);
  if (query.after) {
    const at: Bound = [query.after.sort, query.after.name];
    if (query.order === 'ascending' && compareBounds(at, low) > 0) low = at;
    if (query.order === 'descending' && compareBounds(at, high) < 0) high = at;
  }
  return { order: query.order, bindings: [...low, ...high], possible: compareBounds(low, high) < 0 };
}

/** Both exclusive: a row lies strictly between them, compared by sort value, then name. */
function outerBounds(query: ListQuery, sort: Exclude<ListSort, 'name'>): [Bound, Bound] {
  if (sort === 'status') {
    return query.status === undefined
      ? [
          ['', ''],
          [TEXT_END, ''],
        ]
      : [
          [query.status, ''],
          [query.status, TEXT_END],
        ];
  }
  const [after, before] =
    sort === 'created'
      ? [query.createdAfterMs, query.createdBeforeMs]
      : sort === 'modified'
        ? [query.modifiedAfterMs, query.modifiedBeforeMs]
        : [undefined, undefined];
  return [
    [after ?? -NUMBER_END, TEXT_END],
    [before ?? NUMBER_END, ''],
  ];
}

function residualFilter(query: ListQuery, family: ListFamily): ListPlan['residual'] {
  const checks: ((name: string, index: RowIndex) => boolean)[] = [];
  for (const column of ['parent', 'status', 'facet'] as const) {
    const wanted = query[column];
    const covered = family.filters.includes(column) || (column === 'status' && family.sort === 'status');
    if (wanted !== undefined && !covered) checks.push((_, index) => index[column] === wanted);
  }
  const { namePrefix, nameContains, createdAfterMs, createdBeforeMs, modifiedAfterMs, modifiedBeforeMs } = query;
  if (namePrefix && family.sort !== 'name') checks.push((name) => name.startsWith(namePrefix));
  if (nameContains) {
    const part = nameContains.toLowerCase();
    checks.push((name) => name.toLowerCase().includes(part));
  }
  if (family.sort !== 'created') {
    if (createdAfterMs !== undefined) checks.push((_, index) => index.createdAtMs > createdAfterMs);
    if (createdBeforeMs !== undefined) checks.push((_, index) => index.createdAtMs < createdBeforeMs);
  }
  if (family.sort !== 'modified') {
    if (modifiedAfterMs !== undefined) checks.push((_, index) => index.modifiedAtMs > modifiedAfterMs);
    if (modifiedBeforeMs !== undefined) checks.push((_, index) => index.modifiedAtMs < modifiedBeforeMs);
  }
  return checks.length === 0 ? undefined : (name, index) => checks.every((check) => check(name, index));
}

/** The least text greater than every text that starts with `prefix`; undefined when there is none. */
function textAfterPrefix(prefix: string): string | undefined {
  const points = [...prefix];
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    // 0xd800 to 0xdfff are no characters: the one after 0xd7ff is 0xe000
    if (point < 0x10ffff) return points.join('') + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
  }
  return undefined;
}

/** In ascending order of one list. */
export const compareCursors = (a: Cursor, b: Cursor): number => compareBounds([a.sort, a.name], [b.sort, b.name]);

function compareBounds(a: Bound, b: Bound): number {
  const bySort = typeof a[0] === 'number' && typeof b[0] === 'number' ? a[0] - b[0] : compareUtf8(String(a[0]), String(b[0]));
  return bySort || compareUtf8(a[1], b[1]);
}

/** The database compares bytes; JavaScript compares UTF-16 units, which differs beyond the basic plane. */
const compareUtf8 = (a: string, b: string): number => (a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b)));
