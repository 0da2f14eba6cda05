import { hash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { pickFrom, type Random } from '../../src/contract/generate-text.ts';
import type { Corpus } from './corpus.ts';
import { REPOSITORY } from './delivery-corpus.ts';
import type { FuzzRequest } from './fuzz-request.ts';
import type { KnownValues } from './known-values.ts';
import { mutateTree, nastyText } from './nasty-values.ts';

/** Requests of git's HTTP protocol, and of hosts that tell webhooks of a push. */

const NOTHING = '0'.repeat(40);
const PACK_HEAD = Buffer.from([...Buffer.from('PACK'), 0, 0, 0, 2, 0, 0, 0, 0]);
/** One without objects: what a push of a new name for an old commit sends. */
const EMPTY_PACK = Buffer.concat([PACK_HEAD, hash('sha1', PACK_HEAD, 'buffer')]);

/** A line with its length before it; `lie` is added to that. */
function line(text: string, lie = 0): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([
    Buffer.from(
      Math.max(0, bytes.length + 4 + lie)
        .toString(16)
        .padStart(4, '0'),
    ),
    bytes,
  ]);
}

const FLUSH = Buffer.from('0000');

/** A request that git would send, mostly broken somewhere. */
export function makeGitRequest(corpus: Corpus, known: KnownValues, random: Random): FuzzRequest {
  if (random() < 0.25) return makeHookRequest(known, random);
  const command = pickFrom(['upload-pack', 'receive-pack'] as const, random) ?? 'upload-pack';
  const name = random() < 0.8 ? REPOSITORY : (pickFrom(['none', '..', '%2e%2e', 'a.git', `${REPOSITORY}.git`], random) ?? '');
  const place = `${pickFrom(['/_slipway/git/', '/_slipway/git/us-east-1/', '/_slipway/git/eu-west-9/', '/v1/repos/'], random)}${name}`;
  const { accessKeyId, secretAccessKey } = corpus.target.credentials;
  const whole = `Basic ${btoa(`${accessKeyId}:${secretAccessKey}`)}`;
  const authorization =
    random() < 0.85
      ? whole
      : pickFrom(['Basic x', `Basic ${btoa(`${accessKeyId}:x`)}`, `Basic ${btoa('a:b')}`, 'Bearer x'], random);
  const version = pickFrom(['version=2', 'version=1', 'version=9:x', ''], random) ?? '';
  const headers = { ...(authorization && { authorization }), ...(version !== '' && { 'git-protocol': version }) };
  if (random() < 0.3) {
    const service = pickFrom([`git-${command}`, 'git-x', nastyText(random)], random) ?? '';
    return request('GET', `${place}/info/refs?service=${encodeURIComponent(service.toWellFormed())}`, headers, Buffer.alloc(0));
  }
  const body = spoiled(command === 'upload-pack' ? fetchBody(known, random) : pushBody(known, random), random);
  const zipped = random() < 0.15;
  const type = { 'content-type': `application/x-git-${command}-request` };
  const encoding: Record<string, string> = zipped || random() < 0.05 ? { 'content-encoding': 'gzip' } : {};
  return request('POST', `${place}/git-${command}`, { ...headers, ...type, ...encoding }, zipped ? gzipSync(body) : body);
}

const request = (method: string, target: string, headers: Record<string, string>, body: Buffer): FuzzRequest => ({
  ...{ kind: 'git', port: 'main', method, target, headers, body },
  expect: { kind: 'any' },
});

const commitOf = (known: KnownValues, random: Random): string =>
  (random() < 0.8 ? known.pick('codecommit', 'commitId', random) : undefined) ??
  pickFrom([NOTHING, 'f'.repeat(40), 'x'.repeat(40), 'HEAD', ''], random) ??
  '';

function fetchBody(known: KnownValues, random: Random): Buffer {
  const id = commitOf(known, random);
  if (random() < 0.5) return Buffer.concat([line(`want ${id} multi_ack ofs-delta\n`), FLUSH, line('done\n')]);
  const lines = pickFrom(
    [
      [line('command=ls-refs\n'), Buffer.from('0001'), line('peel\n'), line('symrefs\n')],
      [line('command=fetch\n'), Buffer.from('0001'), line(`want ${id}\n`), line('done\n')],
      [line('command=fetch\n'), Buffer.from('0001'), line(`want ${id}\n`), line(`deepen ${random() < 0.5 ? 1 : 2 ** 31}\n`)],
      [line('command=object-info\n'), Buffer.from('0001'), line('size\n'), line(`oid ${id}\n`)],
      [line('command=none\n')],
    ],
    random,
  );
  return Buffer.concat([...(lines ?? []), FLUSH]);
}

const REFERENCES = [
  'refs/heads/pushed',
  'refs/heads/main',
  'refs/tags/t',
  'refs/heads/a/b',
  'HEAD',
  'refs/heads/..',
  'refs/slipway/x',
];

function pushBody(known: KnownValues, random: Random): Buffer {
  const command = (): string => {
    const reference = random() < 0.9 ? (pickFrom(REFERENCES, random) ?? '') : nastyText(random).toWellFormed().slice(0, 500);
    return `${random() < 0.6 ? NOTHING : commitOf(known, random)} ${random() < 0.8 ? commitOf(known, random) : NOTHING} ${reference}`;
  };
  const more = Array.from({ length: Math.floor(random() * 3) }, () => line(command()));
  const first = line(`${command()}\0 report-status ${random() < 0.2 ? 'atomic push-options' : 'side-band-64k'}`);
  return Buffer.concat([first, ...more, FLUSH, ...(random() < 0.8 ? [EMPTY_PACK] : [])]);
}

/** Half of them are left whole. */
function spoiled(body: Buffer, random: Random): Buffer {
  const choice = random();
  if (choice < 0.5 || body.length === 0) return body;
  const place = Math.floor(random() * body.length);
  if (choice < 0.65) return body.subarray(0, place);
  if (choice < 0.8)
    return Buffer.concat([body, pickFrom([FLUSH, EMPTY_PACK, Buffer.alloc(10_000, 'x'), line('x', 9)], random) ?? FLUSH]);
  const flipped = Buffer.from(body);
  flipped[place] = Math.floor(random() * 256);
  return flipped;
}

/** Of a push to `main`, as GitHub tells of it. */
const PUSH = {
  ref: 'refs/heads/main',
  before: NOTHING,
  after: 'f'.repeat(40),
  repository: { full_name: `a/${REPOSITORY}` },
  commits: [],
};

function makeHookRequest(known: KnownValues, random: Random): FuzzRequest {
  const url = known.pick('codepipeline', 'url', random);
  const own = url?.startsWith('http') ? new URL(url).pathname : '/_slipway/hooks/x';
  const target =
    random() < 0.8 ? own : (pickFrom([`${own}x`, `/_slipway/hooks/git/${REPOSITORY}`, '/_slipway/hooks/git/%'], random) ?? own);
  const body = random() < 0.5 ? JSON.stringify(PUSH) : JSON.stringify(mutateTree(PUSH, random));
  const event = { 'x-github-event': pickFrom(['push', 'ping', ''], random) ?? '', 'content-type': 'application/json' };
  const signature: Record<string, string> = random() < 0.3 ? { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` } : {};
  return request('POST', target, { ...event, ...signature }, spoiled(Buffer.from(body), random));
}
