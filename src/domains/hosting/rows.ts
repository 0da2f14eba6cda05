import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { ListQuery, Write } from '../../platform/store/port.ts';
import { decodePageToken } from '../../platform/resources/page-token.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import { endpointBlobs, type EndpointDocument } from './resources.ts';

/** Models and endpoint configs never change, so they are modified when they are made. */
export const plainWrite = (key: ResourceKey, document: { readonly CreationTime: number }): Write => ({
  key,
  document: document as unknown as JsonObject,
  index: { createdAtMs: document.CreationTime, modifiedAtMs: document.CreationTime },
});

export const endpointWrite = (key: ResourceKey, document: EndpointDocument): Write => ({
  key,
  document: document as unknown as JsonObject,
  index: { status: document.EndpointStatus, createdAtMs: document.CreationTime, modifiedAtMs: document.LastModifiedTime },
  blobs: endpointBlobs(document),
});

const PAGE_SIZE = 10;

/** The members that every List operation of this room has. */
export interface ListInput {
  readonly SortBy?: 'Name' | 'CreationTime' | 'Status';
  readonly SortOrder?: 'Ascending' | 'Descending';
  readonly NextToken?: string;
  readonly MaxResults?: number;
  readonly NameContains?: string;
  readonly CreationTimeBefore?: number;
  readonly CreationTimeAfter?: number;
}

export const listQuery = (kind: string, place: Place, input: ListInput): ListQuery => ({
  account: place.account,
  region: place.region,
  kind,
  nameContains: input.NameContains,
  createdAfterMs: input.CreationTimeAfter,
  createdBeforeMs: input.CreationTimeBefore,
  sortBy: input.SortBy === 'Name' ? 'name' : input.SortBy === 'Status' ? 'status' : 'created',
  order: input.SortOrder === 'Ascending' ? 'ascending' : 'descending',
  after: decodePageToken(input.NextToken),
  limit: input.MaxResults ?? PAGE_SIZE,
});
