/**
 * The orders in which the resource table can be read page by page: one equality filter (or none) and one sort column,
 * each served by an index of migrations.ts. Filters beyond the family's are applied while scanning it in bounded steps.
 */
export interface ListFamily {
  readonly filter: 'none' | 'parent' | 'status' | 'facet';
  readonly sort: ListSort;
}
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

export const LIST_FAMILIES: readonly ListFamily[] = [
  ...(['name', 'created', 'modified', 'status', 'ordinal'] as const).map((sort) => ({ filter: 'none', sort }) as const),
  ...(['name', 'created', 'modified', 'status', 'ordinal'] as const).map((sort) => ({ filter: 'parent', sort }) as const),
  ...(['name', 'created', 'modified'] as const).map((sort) => ({ filter: 'status', sort }) as const),
  ...(['name', 'created'] as const).map((sort) => ({ filter: 'facet', sort }) as const),
];

export const hasFamily = (filter: ListFamily['filter'], sort: ListSort): boolean =>
  LIST_FAMILIES.some((family) => family.filter === filter && family.sort === sort);

export const listStatementName = (head: 'page' | 'scan', family: ListFamily, order: ListOrder): string =>
  `${head}_${family.filter}_${family.sort}_${order}`;
