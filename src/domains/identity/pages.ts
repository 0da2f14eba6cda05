import { ServiceError } from '../../platform/errors/families.ts';

/** IAM's markers: the last name of the page before, base64url so that nobody builds one by hand. */
export function parseMarker(marker: string | undefined): string | undefined {
  if (marker === undefined) return undefined;
  const name = Buffer.from(marker, 'base64url').toString('utf8');
  if (!/^[\w+=,.@-]{1,128}$/.test(name))
    throw new ServiceError('InvalidInput', `Marker ${marker.slice(0, 100)} is not one this service gave.`);
  return name;
}

export const formatMarker = (name: string): string => Buffer.from(name, 'utf8').toString('base64url');

export const MAX_ITEMS_DEFAULT = 100;

/** One page of a short list that is held whole, by name. */
export function pageOf<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
  marker: string | undefined,
  maxItems: number | undefined,
) {
  const after = parseMarker(marker);
  const sorted = items.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const rest = after === undefined ? sorted : sorted.filter((item) => nameOf(item) > after);
  const page = rest.slice(0, maxItems ?? MAX_ITEMS_DEFAULT);
  const last = page.at(-1);
  const more = rest.length > page.length && last !== undefined;
  return { page, IsTruncated: more, ...(more && { Marker: formatMarker(nameOf(last)) }) };
}
