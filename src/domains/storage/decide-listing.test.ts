import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absorbPage, emptyListing, startOf, urlEncoded, type Listing, type ListingRequest } from './decide-listing.ts';

const inOrder = (keys: readonly string[]): string[] => keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** What S3 answers, the slow way: all entries after a marker, in order. */
function naive(keys: readonly string[], { prefix, delimiter }: ListingRequest): string[] {
  const entries = inOrder(keys)
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
      return at < 0 ? key : key.slice(0, at + (delimiter ?? '').length);
    });
  return [...new Set(entries)];
}

function listAll(keys: readonly string[], request: ListingRequest, pageRows: number): { names: string[]; reads: number } {
  const names: string[] = [];
  let after = '';
  let reads = 0;
  for (;;) {
    let listing: Listing<string> = emptyListing(after);
    while (!listing.complete) {
      reads += 1;
      const rest = inOrder(keys).filter(
        (key) => key.startsWith(request.prefix) && Buffer.compare(Buffer.from(key), Buffer.from(listing.after)) > 0,
      );
      const page = rest.slice(0, pageRows).map((key) => ({ key, item: key }));
      listing = absorbPage(request, listing, page, rest.length > pageRows);
    }
    assert.ok(listing.entries.length <= request.maxKeys);
    names.push(...listing.entries.map((entry) => ('commonPrefix' in entry ? entry.commonPrefix : entry.key)));
    if (!listing.truncated) return { names, reads };
    after = listing.after;
  }
}

test('any page size and answer size gives every entry once, in UTF-8 order', () => {
  const keys = [
    'a',
    'a/',
    'a/1',
    'a/2',
    'a/b/3',
    'a0',
    'b//x',
    'b/x',
    'c',
    'é/1',
    '\u{1F600}/x',
    '\u{ffee}',
    'z/\u{10ffff}',
    'z0',
  ];
  for (const prefix of ['', 'a', 'a/', 'b/', 'nothing']) {
    for (const delimiter of [undefined, '/', 'b', '//']) {
      for (const maxKeys of [1, 2, 1000]) {
        for (const pageRows of [1, 3, 100]) {
          const request = { prefix, delimiter, maxKeys };
          assert.deepEqual(
            listAll(keys, request, pageRows).names,
            naive(keys, request),
            JSON.stringify({ ...request, pageRows }),
          );
        }
      }
    }
  }
});

test('a folder of many keys is jumped over, not read through', () => {
  const keys = Array.from({ length: 5000 }, (_, at) => `folder/${at}`).concat('zebra');
  const { names, reads } = listAll(keys, { prefix: '', delimiter: '/', maxKeys: 1000 }, 32);
  assert.deepEqual(names, ['folder/', 'zebra']);
  assert.equal(reads, 2);
});

test('a marker that is a common prefix stands for all that it rolled up', () => {
  const request = { prefix: '', delimiter: '/', maxKeys: 10 };
  assert.ok(startOf(request, 'boo/') > 'boo/zzz');
  assert.equal(startOf(request, 'boo/bar'), 'boo/bar');
  assert.equal(startOf({ ...request, prefix: 'boo/' }, 'boo/'), 'boo/');
});

test('url encoding escapes all but unreserved characters and slashes', () => {
  assert.equal(urlEncoded("a b+c/d%é(1)'*!~"), 'a%20b%2Bc/d%25%C3%A9%281%29%27%2A%21~');
});
