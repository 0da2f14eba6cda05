import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Clock } from '../../platform/clock.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import type { Ids } from '../../platform/ids.ts';
import type { GitCaller, GitService } from '../../platform/ports/git-service.ts';
import { readBody } from '../body.ts';
import type { GatewayLog } from '../fault.ts';
import { hasLongRest } from '../respond.ts';
import { type GitCredentialPorts, identify, parseBasic } from './git-credentials.ts';
import { type GitTarget, hookOf, parseTarget, versionOf } from './git-request.ts';

/**
 * Git's smart HTTP protocol (see git's `gitprotocol-http`) before the room `repositories`, and the webhooks of repositories that follow
 * another one. What is refused is said in words that git shows: a text for the first request, the protocol's own form later.
 */
export interface GitFrontPorts extends GitCredentialPorts {
  readonly service: GitService;
  readonly region: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: GatewayLog;
}

const MIB = 1024 * 1024;
/** What a fetch asks for: names of commits, never content. */
const FETCH_BYTES_MAX = 32 * MIB;
/** GitHub's limit. */
const HOOK_BYTES_MAX = 25 * MIB;
/** Until an answer may begin: a large pack is being checked. */
const WORK_MS = 30 * 60_000;
const NEVER_KEPT = { 'cache-control': 'no-cache, max-age=0, must-revalidate', expires: 'Fri, 01 Jan 1980 00:00:00 GMT' };

/** Answers a request of git's. Never throws. */
export async function answerGit(
  ports: GitFrontPorts,
  request: IncomingMessage,
  response: ServerResponse,
  sendContinue: () => void,
): Promise<void> {
  const requestId = ports.ids.uuid();
  response.setHeader('x-amzn-requestid', requestId);
  const target = parseTarget(request);
  try {
    const hook = hookOf(request);
    if (hook !== undefined) return await answerHook(ports, hook, request, response, sendContinue);
    if (!target) return sendText(request, response, 404, 'There is no repository under this address.');
    const caller = await authenticate(ports, target, requestId, request);
    if (!caller) return sendUnauthorized(request, response);
    if (target.kind === 'other' || !target.command) {
      return sendText(request, response, 403, 'Only the smart HTTP protocol of git is served here; use git 1.6.6 or later.');
    }
    request.socket.setTimeout(WORK_MS);
    if (target.kind === 'advertise') await answerAdvertise(ports, caller, target, request, response);
    else await answerCommand(ports, caller, target, request, response, sendContinue);
  } catch (thrown) {
    const { status, message } = refusalOf(ports, thrown, requestId, target);
    if (response.headersSent) response.destroy();
    else if (target?.kind === 'command' && target.command === 'upload-pack' && status !== 401) {
      sendBytes(request, response, 'application/x-git-upload-pack-result', packet(`ERR ${message}`));
    } else sendText(request, response, status, message);
  }
}

const STATUS: Readonly<Record<string, number>> = {
  RepositoryDoesNotExistException: 404,
  AccessDeniedException: 403,
  ServiceUnavailable: 503,
  RequestEntityTooLarge: 413,
};

function refusalOf(
  ports: GitFrontPorts,
  thrown: unknown,
  requestId: string,
  target: GitTarget | undefined,
): { readonly status: number; readonly message: string } {
  if (thrown instanceof ServiceError) return { status: STATUS[thrown.code] ?? 400, message: thrown.message };
  ports.log.error({ requestId, resource: target?.name, err: thrown }, 'request failed');
  const status = thrown instanceof BackendError ? 503 : 500;
  return { status, message: `The repository could not be served; the server's log has more under request ${requestId}.` };
}

async function authenticate(
  ports: GitFrontPorts,
  target: GitTarget,
  requestId: string,
  request: IncomingMessage,
): Promise<GitCaller | undefined> {
  const basic = parseBasic(request.headers.authorization);
  if (!basic) return undefined;
  const { host = '' } = request.headers;
  const region = target.region ?? ports.region;
  const place = {
    path: target.repositoryPath,
    host: host.replace(/:\d+$/, ''),
    region,
    nowMs: ports.clock.now(),
  };
  const principal = await identify(ports, basic, place);
  if (!principal) return undefined;
  const client = {
    sourceIp: request.socket.remoteAddress ?? '',
    userAgent: (request.headers['user-agent'] ?? '').slice(0, 512),
    ...(/^[A-Za-z0-9.:[\]-]+$/.test(host) && { endpoint: `http://${host}` }),
  };
  return { principal, region, requestId, client };
}

async function answerAdvertise(
  { service }: GitFrontPorts,
  caller: GitCaller,
  { name, command = 'upload-pack' }: GitTarget,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const version = versionOf(request.headers['git-protocol']);
  const references = await service.advertise(caller, name, command, version);
  const isV2 = version === 2 && command === 'upload-pack';
  const head = isV2 ? [] : [packet(`# service=git-${command}\n`), Buffer.from('0000')];
  sendBytes(request, response, `application/x-git-${command}-advertisement`, Buffer.concat([...head, references]));
}

async function answerCommand(
  { service }: GitFrontPorts,
  caller: GitCaller,
  { name, command = 'upload-pack' }: GitTarget,
  request: IncomingMessage,
  response: ServerResponse,
  sendContinue: () => void,
): Promise<void> {
  const type = request.headers['content-type'];
  if (type !== `application/x-git-${command}-request`) {
    return sendText(request, response, 415, `The content type is not application/x-git-${command}-request.`);
  }
  const version = versionOf(request.headers['git-protocol']);
  const body = contentOf(request, sendContinue);
  if (command === 'receive-pack') {
    const report = await service.receivePack(caller, name, body, version);
    return sendBytes(request, response, 'application/x-git-receive-pack-result', report);
  }
  const pieces = await begun(await service.uploadPack(caller, name, await bounded(body, FETCH_BYTES_MAX), version));
  response.writeHead(200, { ...NEVER_KEPT, 'content-type': 'application/x-git-upload-pack-result' });
  await pipeline(pieces, response).catch((error: NodeJS.ErrnoException) => {
    // the client has gone, or git has told it already what was wrong; a pack that ends early is noticed by its reader
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE' && !(error instanceof BackendError)) throw error;
    response.destroy();
  });
}

/** What git answers, once it has begun to: a request that it gives up before the first byte is refused like any other. */
async function begun(pieces: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    const first = await iterator.next();
    return following(first, iterator);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    throw new ServiceError('InvalidRequest', 'git could not answer this request: it is not of its protocol, or was cut off.');
  }
}

async function* following(
  first: IteratorResult<Uint8Array>,
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (let piece = first; !piece.done; piece = await iterator.next()) yield piece.value;
  } finally {
    await iterator.return?.();
  }
}

/** The body as git meant it; whoever waits for `100 Continue` is told to go on when the first byte is wanted. */
async function* contentOf(request: IncomingMessage, sendContinue: () => void): AsyncGenerator<Uint8Array> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new ServiceError('InvalidRequest', `A body in ${encoding.slice(0, 40)} is not understood; send it plain or as gzip.`);
  }
  sendContinue();
  try {
    if (encoding === undefined) {
      for await (const piece of request.iterator({ destroyOnReturn: false })) yield piece as Uint8Array;
      return;
    }
    const plain = createGunzip();
    // not the request itself, which would be destroyed with a broken stream: the connection has to take the answer
    const feeding = pipeline(request.iterator({ destroyOnReturn: false }), plain);
    feeding.catch(() => undefined); // told by the reading below
    for await (const piece of plain) yield piece as Uint8Array;
    await feeding;
  } catch (error) {
    const isBroken = /^Z_/.test((error as NodeJS.ErrnoException).code ?? '');
    throw new ServiceError('IncompleteBody', isBroken ? 'The body is no whole gzip stream.' : 'The client went away.');
  }
}

async function bounded(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of body) {
    sizeBytes += piece.length;
    if (sizeBytes > bytesMax) throw new ServiceError('RequestEntityTooLarge', `A fetch may ask with ${bytesMax} bytes at most.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/**
 * Whoever cannot sign gets one answer, whether there is such a repository and whether it follows another or not. That the body of a message to
 * none is left unread can be told from outside, and so can the time a secret takes: ids are random, and whoever knows one knows that much.
 */
async function answerHook(
  { service }: GitFrontPorts,
  id: string,
  request: IncomingMessage,
  response: ServerResponse,
  sendContinue: () => void,
): Promise<void> {
  if (request.method !== 'POST') return sendText(request, response, 405, 'A webhook is a POST.');
  const refused = 'The signature is not that of this webhook.';
  if (!(await service.hears(id))) return sendText(request, response, 403, refused);
  const body = await readBody(request, HOOK_BYTES_MAX, sendContinue);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, typeof value === 'string' ? value : undefined]),
  );
  const taken = await service.hear(id, headers, body);
  if (taken) sendText(request, response, 202, 'The remote will be fetched.');
  else sendText(request, response, 403, refused);
}

const packet = (text: string): Buffer => {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from((body.length + 4).toString(16).padStart(4, '0')), body]);
};

function sendUnauthorized(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('www-authenticate', 'Basic realm="slipway git", charset="UTF-8"');
  sendText(
    request,
    response,
    401,
    'Authentication is required: see docs/guides/repositories.md for the forms of user and password.',
  );
}

const sendText = (request: IncomingMessage, response: ServerResponse, status: number, text: string): void =>
  send(request, response, status, 'text/plain; charset=utf-8', Buffer.from(`${text}\n`));

const sendBytes = (request: IncomingMessage, response: ServerResponse, type: string, body: Uint8Array): void =>
  send(request, response, 200, type, body);

function send(request: IncomingMessage, response: ServerResponse, status: number, type: string, body: Uint8Array): void {
  response.writeHead(status, {
    ...NEVER_KEPT,
    'content-type': type,
    'content-length': String(body.length),
    'x-content-type-options': 'nosniff',
    ...(hasLongRest(request) && { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
  if (!request.complete) request.resume();
}
