import type { Rejection } from '../../platform/errors/rejection.ts';

const ENTRIES_MAX = 1000;

/** Follows every key of a prefix in UTF-8 order, but for keys that themselves hold this last code point there. */
const LAST = '\u{10FFFF}';

export interface ListingRequest {
  readonly prefix: string;
  /** Keys that hold it after the prefix are rolled up into one common prefix. */
  readonly delimiter?: string;
  readonly maxKeys: number;
  /** How a key stands in the names that are read, where not as it is; in the same order. */
  readonly inNames?: (key: string) => string;
}

/** What was read: `name` where that is more than the key. */
export interface ListingRow<T> {
  readonly key: string;
  readonly item: T;
  readonly name?: string;
}

export type ListingEntry<T> = { readonly key: string; readonly item: T } | { readonly commonPrefix: string };

export interface Listing<T> {
  readonly entries: readonly ListingEntry<T>[];
  /** Where to go on reading, exclusive. */
  readonly after: string;
  /** The answer is full and there is at least one entry more: `after` is where the next answer starts. */
  readonly truncated: boolean;
  readonly complete: boolean;
  /** Set when reading jumped over the rest of a common prefix; the reader then takes small pages. */
  readonly skipped: boolean;
}

export const emptyListing = <T>(after: string): Listing<T> => ({
  entries: [],
  after,
  truncated: false,
  complete: false,
  skipped: false,
});

/** Where a listing starts that goes on after `marker`: a marker that is itself a common prefix stands for all it rolled up. */
export function startOf(request: ListingRequest, marker: string): string {
  const rolledUp = marker.startsWith(request.prefix) ? commonPrefixOf(request, marker) : undefined;
  return rolledUp === marker && marker !== '' ? marker + LAST : marker;
}

/**
 * Adds a page of keys, in order, to a listing. A page that ends inside a common prefix moves `after` behind all of that
 * prefix, so that a folder of a million keys costs one page, not a million rows.
 */
export function absorbPage<T>(
  request: ListingRequest,
  listing: Listing<T>,
  page: readonly ListingRow<T>[],
  more: boolean,
): Listing<T> {
  const entries = [...listing.entries];
  let { after } = listing;
  let open = openPrefix(entries);
  for (const { key, item, name = key } of page) {
    const commonPrefix = commonPrefixOf(request, key);
    if (commonPrefix !== undefined && commonPrefix === open) continue;
    if (entries.length >= request.maxKeys) return { entries, after, truncated: true, complete: true, skipped: false };
    entries.push(commonPrefix === undefined ? { key, item } : { commonPrefix });
    after = commonPrefix === undefined ? name : (request.inNames?.(commonPrefix) ?? commonPrefix) + LAST;
    open = commonPrefix;
  }
  return { entries, after, truncated: false, complete: !more, skipped: more && open !== undefined };
}

function openPrefix(entries: readonly ListingEntry<unknown>[]): string | undefined {
  const last = entries.at(-1);
  return last && 'commonPrefix' in last ? last.commonPrefix : undefined;
}

function commonPrefixOf({ prefix, delimiter }: ListingRequest, key: string): string | undefined {
  if (!delimiter) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

const INTEGER_MAX = 2_147_483_647;

/** A count or marker that clients may give as `argument`; S3 takes what fits 32 bits and is not negative. */
export function decideInteger(argument: string, asked: number): { value: number } | Rejection {
  if (Number.isInteger(asked) && asked >= 0 && asked <= INTEGER_MAX) return { value: asked };
  return {
    code: 'InvalidArgument',
    message: `Argument ${argument} must be an integer between 0 and ${INTEGER_MAX}`,
    members: { ArgumentName: argument, ArgumentValue: String(asked) },
  };
}

/** How many entries an answer may have: `asked` capped at S3's thousand. */
export function decideCount(argument: string, asked: number | undefined): { value: number } | Rejection {
  const decided = decideInteger(argument, asked ?? ENTRIES_MAX);
  return 'value' in decided ? { value: Math.min(decided.value, ENTRIES_MAX) } : decided;
}

/** What `encoding-type=url` makes of a name: every byte but unreserved ones and `/` as %XX. */
export const urlEncoded = (name: string): string =>
  encodeURIComponent(name)
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
