import { createHash, type KeyObject } from 'node:crypto';
import { sameText } from '../../platform/authorization/signed-and-sealed.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { RunningChecksum } from '../../platform/objects/checksums.ts';
import { EMPTY_SHA256, hmacHex, scopeText, sha256Hex, signingKey, UNSIGNED_PAYLOAD } from './canonical.ts';
import type { SignatureClaim } from './claim.ts';
import { checksumOfTrailer } from './trailing-checksum.ts';

/**
 * Bodies that are too large to hold: they are checked while they pass, and the fault is thrown at the end, before the
 * reader sees the end of the stream. Whoever commits only after a complete read commits only what was signed.
 */

export interface BodyExpectation {
  /** Decoded length as announced; more or less is an IncompleteBody. */
  readonly sizeBytes: number | undefined;
  /** What was signed: a hex hash or one of AWS's literals. */
  readonly payloadHash: string;
}

/** A plain body: length and hash. */
export async function* checkedBody(source: AsyncIterable<Uint8Array>, expected: BodyExpectation): AsyncIterable<Uint8Array> {
  const hasher = expected.payloadHash === UNSIGNED_PAYLOAD ? undefined : createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of source) {
    sizeBytes += chunk.length;
    hasher?.update(chunk);
    yield chunk;
  }
  if (expected.sizeBytes !== undefined && sizeBytes !== expected.sizeBytes) throw incompleteBody();
  if (hasher && hasher.digest('hex') !== expected.payloadHash) {
    throw new ServiceError(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
}

const incompleteBody = (): ServiceError =>
  new ServiceError('IncompleteBody', 'You did not provide the number of bytes specified by the Content-Length HTTP header.');

const malformed = (what: string): ServiceError =>
  new ServiceError('InvalidRequest', `The aws-chunked body is malformed: ${what}.`);

const LINE_BYTES_MAX = 4 * 1024;

/** The signing of an aws-chunked body; undefined for STREAMING-UNSIGNED-PAYLOAD-TRAILER. */
interface ChunkSigning {
  readonly key: KeyObject;
  readonly timestamp: string;
  readonly scope: string;
  previous: string;
}

/** Decodes `Content-Encoding: aws-chunked`, checking chunk signatures, the decoded length and the trailing checksum. */
export async function* dechunkedBody(
  source: AsyncIterable<Uint8Array>,
  expected: BodyExpectation,
  claim: SignatureClaim,
  secret: string,
  trailer: string | undefined,
): AsyncIterable<Uint8Array> {
  const signing = expected.payloadHash.startsWith('STREAMING-AWS4')
    ? {
        key: signingKey(secret, claim.scope),
        timestamp: claim.timestamp,
        scope: scopeText(claim.scope),
        previous: claim.signature,
      }
    : undefined;
  const checksum = trailer === undefined ? undefined : checksumOfTrailer(trailer);
  const reader = new ChunkReader(source);
  let sizeBytes = 0;
  for (;;) {
    const header = await reader.line();
    const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(header);
    if (!match) throw malformed('a chunk does not start with its size in hexadecimal');
    const size = Number.parseInt(match[1] ?? '0', 16);
    const hasher = signing ? createHash('sha256') : undefined;
    for await (const part of reader.bytes(size)) {
      sizeBytes += part.length;
      if (expected.sizeBytes !== undefined && sizeBytes > expected.sizeBytes) throw incompleteBody();
      hasher?.update(part);
      checksum?.update(part);
      yield part;
    }
    if (signing && hasher) checkChunk(signing, match[2], hasher.digest('hex'));
    if (size === 0) break;
    if ((await reader.line()) !== '') throw malformed('a chunk is longer than its size says');
  }
  const trailers = await readTrailers(reader);
  if (expected.sizeBytes !== undefined && sizeBytes !== expected.sizeBytes) throw incompleteBody();
  if (expected.payloadHash.endsWith('-TRAILER')) checkTrailers(trailers, trailer, checksum, signing);
}

function checkChunk(signing: ChunkSigning, given: string | undefined, chunkHash: string): void {
  const text = `AWS4-HMAC-SHA256-PAYLOAD\n${signing.timestamp}\n${signing.scope}\n${signing.previous}\n${EMPTY_SHA256}\n${chunkHash}`;
  const expected = hmacHex(signing.key, text);
  if (given === undefined || !sameText(expected, given)) throw chunkMismatch();
  signing.previous = expected;
}

const chunkMismatch = (): ServiceError =>
  new ServiceError(
    'SignatureDoesNotMatch',
    'The chunk signature we calculated does not match the signature you provided. Check your key and signing method.',
  );

async function readTrailers(reader: ChunkReader): Promise<Map<string, string>> {
  const trailers = new Map<string, string>();
  for (let line = await reader.line(true); line !== ''; line = await reader.line(true)) {
    const colon = line.indexOf(':');
    if (colon <= 0 || trailers.size >= 20) throw malformed('a trailer is not of the form name:value');
    trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return trailers;
}

function checkTrailers(
  trailers: ReadonlyMap<string, string>,
  name: string | undefined,
  checksum: RunningChecksum | undefined,
  signing: ChunkSigning | undefined,
): void {
  if (name !== undefined) {
    const given = trailers.get(name);
    if (given === undefined) throw malformed(`the trailer ${name} announced by x-amz-trailer is missing`);
    if (checksum && checksum.digest().toString('base64') !== given) {
      throw new ServiceError('BadDigest', `The ${name} you specified did not match the calculated checksum.`);
    }
  }
  if (!signing) return;
  const lines = [...trailers].filter(([key]) => key !== 'x-amz-trailer-signature').map(([key, value]) => `${key}:${value}\n`);
  const text = `AWS4-HMAC-SHA256-TRAILER\n${signing.timestamp}\n${signing.scope}\n${signing.previous}\n${sha256Hex(lines.join(''))}`;
  if (!sameText(hmacHex(signing.key, text), trailers.get('x-amz-trailer-signature') ?? '')) throw chunkMismatch();
}

/** Lines and counted bytes out of a stream of buffers. */
class ChunkReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #left: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Up to CRLF (or LF), without it. `endIsLine`: the end of the stream counts as an empty line. */
  async line(endIsLine = false): Promise<string> {
    const parts: Uint8Array[] = [];
    let sizeBytes = 0;
    for (;;) {
      const newline = this.#left.indexOf(10);
      const part = newline < 0 ? this.#left : this.#left.subarray(0, newline);
      parts.push(part);
      sizeBytes += part.length;
      if (sizeBytes > LINE_BYTES_MAX) throw malformed('a line is too long');
      if (newline >= 0) {
        this.#left = this.#left.subarray(newline + 1);
        return Buffer.concat(parts).toString('latin1').replace(/\r$/, '');
      }
      if (!(await this.#more())) {
        if (endIsLine && sizeBytes === 0) return '';
        throw incompleteBody();
      }
    }
  }

  async *bytes(size: number): AsyncIterable<Uint8Array> {
    let missing = size;
    while (missing > 0) {
      if (this.#left.length === 0 && !(await this.#more())) throw incompleteBody();
      const part = this.#left.subarray(0, missing);
      this.#left = this.#left.subarray(part.length);
      missing -= part.length;
      if (part.length > 0) yield part;
    }
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#source.next();
    this.#left = value ?? new Uint8Array(0);
    return !done;
  }
}
