/**
 * The orders in which the resource table can be read page by page: equality filters (or none) and one sort column, each served by an index of
 * migrations.ts, which its statements name: left to itself SQLite takes whichever index has the sort column and reads every row of the
 * kind. Filters beyond the family's are applied while scanning it in bounded steps.
 */
export interface ListFamily {
  readonly filters: readonly FilterColumn[];
  readonly sort: ListSort;
}
export type FilterColumn = 'parent' | 'status' | 'facet';
export type ListSort = 'name' | 'created' | 'modified' | 'status' | 'ordinal';
/** `ascending` starts at its lower bound, `ascendingAfter` behind it; sorts by column and name always start behind. */
export type ListOrder = 'ascending' | 'ascendingAfter' | 'descending';

export const SORT_COLUMNS = {
  name: 'name',
  created: 'created_at',
  modified: 'modified_at',
  status: 'status',
  ordinal: 'ordinal',
} as const;

const sorted = (filters: readonly FilterColumn[], ...sorts: ListSort[]): ListFamily[] => sorts.map((sort) => ({ filters, sort }));

/** Of those with as many filters that are asked for, the first is taken. */
export const LIST_FAMILIES: readonly ListFamily[] = [
  ...sorted(['parent', 'facet'], 'created', 'ordinal'),
  ...sorted(['status', 'facet'], 'name', 'created'),
  ...sorted(['parent'], 'name', 'created', 'modified', 'status', 'ordinal'),
  ...sorted(['status'], 'name', 'created', 'modified'),
  ...sorted(['facet'], 'name', 'created'),
  ...sorted([], 'name', 'created', 'modified', 'status', 'ordinal'),
];

/** Undefined: the primary key. */
export const indexNameOf = ({ filters, sort }: ListFamily): string | undefined => {
  const columns = [...filters, ...(sort === 'name' ? [] : [sort])];
  return columns.length === 0 ? undefined : `resource_${columns.join('_')}`;
};

/**
 * `page`: whole rows. `scan`: columns without documents, for filters that no index serves. `find`: the same of rows whose name contains a text, which
 * the index itself tells. `bound`: where the row stands that is so many rows away, and the next.
 */
export type ListHead = 'page' | 'scan' | 'find' | 'bound';

export const listStatementName = (head: ListHead, { filters, sort }: ListFamily, order: ListOrder): string =>
  `${head}_${filters.join('_') || 'none'}_${sort}_${order}`;
