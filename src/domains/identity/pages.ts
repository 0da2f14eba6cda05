import { ServiceError } from '../../platform/errors/families.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import type { Store } from '../../platform/store/port.ts';
import { listRows } from '../../platform/store/typed-rows.ts';

/** IAM's markers: the last name of the page before, base64url so that nobody builds one by hand. */
function parseMarker(marker: string | undefined): string | undefined {
  if (marker === undefined) return undefined;
  const name = Buffer.from(marker, 'base64url').toString('utf8');
  if (!/^[\w+=,.@:/-]{1,600}$/.test(name))
    throw new ServiceError('InvalidInput', `Marker ${marker.slice(0, 100)} is not one this service gave.`);
  return name;
}

const formatMarker = (name: string): string => Buffer.from(name, 'utf8').toString('base64url');

const MAX_ITEMS_DEFAULT = 100;
const PAGE = 100;

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

/** One page of the rows of a kind whose documents `matches`, by name. */
export async function pageOfRows<D>(
  store: Pick<Store, 'list'>,
  scope: { readonly account: string; readonly kind: string },
  matches: (document: D) => boolean,
  { Marker, MaxItems = MAX_ITEMS_DEFAULT }: { readonly Marker?: string; readonly MaxItems?: number },
) {
  const found: { readonly name: string; readonly document: D }[] = [];
  let after = parseMarker(Marker);
  let more = true;
  // one more than asked for tells whether there is a next page
  while (more && found.length <= MaxItems) {
    const page = await listRows<D>(store, {
      ...scope,
      region: GLOBAL,
      sortBy: 'name',
      order: 'ascending',
      limit: PAGE,
      ...(after !== undefined && { after: { sort: after, name: after } }),
    });
    found.push(
      ...page.rows.filter(({ document }) => matches(document)).map(({ key, document }) => ({ name: key.name, document })),
    );
    after = page.rows.at(-1)?.key.name;
    more = page.next !== undefined;
  }
  const page = found.slice(0, MaxItems);
  const last = page.at(-1);
  const truncated = found.length > page.length && last !== undefined;
  return {
    page: page.map(({ document }) => document),
    IsTruncated: truncated,
    ...(truncated && { Marker: formatMarker(last.name) }),
  };
}

/** Every document of a kind that `matches`: for what there are few of. */
export async function allRows<D>(
  store: Pick<Store, 'list'>,
  scope: { readonly account: string; readonly kind: string },
  matches: (document: D) => boolean = () => true,
): Promise<D[]> {
  const found: D[] = [];
  for (let after: { sort: string | number; name: string } | undefined, more = true; more; ) {
    const query = { ...scope, region: GLOBAL, sortBy: 'name', order: 'ascending', limit: PAGE } as const;
    const page = await listRows<D>(store, { ...query, ...(after && { after }) });
    found.push(...page.rows.map(({ document }) => document).filter(matches));
    after = page.next;
    more = after !== undefined;
  }
  return found;
}
