import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { request as requestHttp } from '../node-http.ts';
import type { OutgoingFailure, OutgoingHttp, OutgoingRequest, OutgoingResult } from '../ports/outgoing-http.ts';
import { addressProblem, type Destination, type OutgoingRules, parseDestination } from './decide-destination.ts';

interface OutgoingHttpOptions {
  readonly rules: OutgoingRules;
  /** Ports of this server and its router: a request to them on this machine would be one of ours that nobody signed. */
  readonly ownPorts: () => readonly number[];
  /** How names resolve; the system's resolver when absent. */
  readonly resolve?: (host: string) => Promise<readonly LookupAddress[]>;
}

const TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MAX = 64 * 1024;

/** The adapter on this machine's network: resolves once, checks each address, and connects to just those that passed. */
export function createOutgoingHttp({ rules, ownPorts, resolve = resolveName }: OutgoingHttpOptions): OutgoingHttp {
  const problem = (address: string, destination: Destination) =>
    addressProblem(address, destination, rules, { addresses: ownAddresses(), ports: ownPorts() });
  const permitted = async (destination: Destination, deadline: number): Promise<readonly LookupAddress[] | OutgoingFailure> => {
    const found = await within(deadline, addressesOf(destination.host, resolve));
    if ('outcome' in found) return found;
    const open = found.filter(({ address }) => problem(address, destination) === undefined);
    if (open.length > 0) return open;
    const why = found[0] && problem(found[0].address, destination);
    return failure('refused', why ?? `${destination.host.slice(0, 255)} resolves to no address.`);
  };
  return {
    problemOf(text) {
      const destination = parseDestination(text);
      if ('problem' in destination) return destination.problem;
      if (isIP(destination.host)) return problem(destination.host, destination);
      return destination.host === 'localhost' ? problem('127.0.0.1', destination) : undefined;
    },
    async addressesOf(text) {
      const destination = parseDestination(text);
      if ('problem' in destination) return failure('refused', destination.problem);
      const open = await permitted(destination, Date.now() + TIMEOUT_MS);
      return 'outcome' in open ? open : open.map(({ address }) => address);
    },
    async send(request) {
      const destination = parseDestination(request.url);
      if ('problem' in destination) return failure('refused', destination.problem);
      const deadline = Date.now() + (request.timeoutMs ?? TIMEOUT_MS);
      const open = await permitted(destination, deadline);
      return 'outcome' in open ? open : exchange(request, destination, open, deadline);
    },
  };
}

const failure = (reason: OutgoingFailure['reason'], message: string): OutgoingFailure => ({ outcome: 'failed', reason, message });

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((found) => (found ?? []).map(({ address }) => address));

const resolveName = (host: string): Promise<readonly LookupAddress[]> => lookup(host, { all: true });

async function addressesOf(
  host: string,
  resolve: (host: string) => Promise<readonly LookupAddress[]>,
): Promise<readonly LookupAddress[] | OutgoingFailure> {
  const family = isIP(host);
  if (family) return [{ address: host, family }];
  try {
    return await resolve(host);
  } catch (error) {
    return failure('unreachable', `The name ${host.slice(0, 255)} cannot be resolved (${codeOf(error)}).`);
  }
}

/** The resolver cannot be interrupted, so an answer that comes too late is not waited for. */
async function within<T>(deadline: number, work: Promise<T>): Promise<T | OutgoingFailure> {
  const { promise, resolve } = Promise.withResolvers<OutgoingFailure>();
  const timer = setTimeout(() => resolve(lateFailure), Math.max(0, deadline - Date.now()));
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

const lateFailure = failure('timed-out', 'The receiver did not answer in time.');

async function exchange(
  request: OutgoingRequest,
  { url, host }: Destination,
  open: readonly LookupAddress[],
  deadline: number,
): Promise<OutgoingResult> {
  const body = request.body === undefined ? undefined : Buffer.from(request.body as Uint8Array);
  const options: RequestOptions & { autoSelectFamily?: boolean } = {
    protocol: url.protocol,
    hostname: host,
    ...(url.port !== '' && { port: Number(url.port) }),
    path: `${url.pathname}${url.search}`,
    method: request.method,
    agent: false,
    headers: { ...request.headers, host: url.host, ...(body && { 'content-length': String(body.length) }), connection: 'close' },
    autoSelectFamily: true,
    lookup: ((_host: string, wanted: { all?: boolean }, found: (...results: unknown[]) => void) => {
      const [first] = open;
      if (wanted.all) found(null, open);
      else found(null, first?.address, first?.family);
    }) as RequestOptions['lookup'],
  };
  const start = url.protocol === 'https:' ? (await import('node:https')).request : requestHttp;
  return new Promise((settle) => {
    let sent: ClientRequest | undefined;
    const timer = setTimeout(() => end(lateFailure), Math.max(0, deadline - Date.now()));
    const end = (result: OutgoingResult) => {
      clearTimeout(timer);
      settle(result);
      sent?.destroy();
    };
    try {
      sent = start(options);
    } catch (error) {
      end(failure('broken', `The request cannot be sent: ${(error as Error).message}`)); // e.g. a header with a line break
      return;
    }
    sent.on('error', (error) => end(failureOf(error)));
    sent.on('upgrade', () => end(failure('broken', 'The receiver answered with another protocol.')));
    sent.on('response', (answer) => readAnswer(answer, request.answerBytesMax ?? ANSWER_BYTES_MAX, end));
    sent.end(body);
  });
}

function readAnswer(answer: IncomingMessage, bytesMax: number, end: (result: OutgoingResult) => void): void {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  const headers = Object.fromEntries(
    Object.entries(answer.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
  const done = (truncated: boolean) => {
    const body = Buffer.concat(parts).subarray(0, bytesMax);
    end({ outcome: 'answered', status: answer.statusCode ?? 0, headers, body, truncated });
  };
  answer.on('data', (part: Buffer) => {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes > bytesMax) done(true);
  });
  answer.on('end', () => done(false));
  answer.on('error', (error) => end(failureOf(error)));
}

const TLS = /^(EPROTO|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;
const UNREACHABLE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ETIMEDOUT']);

function failureOf(error: unknown): OutgoingFailure {
  const code = codeOf(error);
  if (TLS.test(code)) return failure('tls', `The receiver's certificate or TLS is not accepted (${code}).`);
  if (UNREACHABLE.has(code)) return failure('unreachable', `The receiver cannot be reached (${code}).`);
  return failure('broken', `The connection ended before an answer was complete (${code}).`);
}

/** Of several attempts (one per address) Node throws them together: the first tells. */
function codeOf(error: unknown): string {
  const { code, errors } = error as { code?: string; errors?: readonly { code?: string }[] };
  return code ?? errors?.[0]?.code ?? (error as Error).name;
}
