import type { ListQuery } from '../store/port.ts';
import type { Place } from './declaration.ts';
import { decodePageToken } from './page-token.ts';

/** What every List operation of SageMaker's takes to page. */
export interface PageInput {
  readonly SortOrder?: string;
  readonly NextToken?: string;
  readonly MaxResults?: number;
}

/** The filters that SageMaker's List operations share; an operation has some of them. */
export interface ListInput extends PageInput {
  readonly SortBy?: string;
  readonly NameContains?: string;
  readonly StatusEquals?: string;
  readonly CreationTimeAfter?: number;
  readonly CreationTimeBefore?: number;
  readonly LastModifiedTimeAfter?: number;
  readonly LastModifiedTimeBefore?: number;
}

const SORTS: Readonly<Record<string, ListQuery['sortBy']>> = { Name: 'name', Status: 'status', LastModifiedTime: 'modified' };

/** Descending when nothing else is asked for, as AWS answers. */
export const pageQuery = (input: PageInput, pageSize: number): Pick<ListQuery, 'order' | 'after' | 'limit'> => ({
  order: input.SortOrder === 'Ascending' ? 'ascending' : 'descending',
  after: decodePageToken(input.NextToken),
  limit: input.MaxResults ?? pageSize,
});

/** Newest first and ten to a page when nothing else is asked for, as AWS answers. */
export const listQuery = (kind: string, { account, region }: Place, input: ListInput): ListQuery => ({
  account,
  region,
  kind,
  nameContains: input.NameContains,
  status: input.StatusEquals,
  createdAfterMs: input.CreationTimeAfter,
  createdBeforeMs: input.CreationTimeBefore,
  modifiedAfterMs: input.LastModifiedTimeAfter,
  modifiedBeforeMs: input.LastModifiedTimeBefore,
  sortBy: SORTS[input.SortBy ?? ''] ?? 'created',
  ...pageQuery(input, 10),
});
