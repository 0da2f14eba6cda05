import { createHash } from 'node:crypto';
import { type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { findService, type Service } from '../../contract/services.ts';
import type { Credential, IdentityDirectory } from '../../platform/authorization/port.ts';
import type { Dispatcher } from '../../platform/calls/dispatch.ts';
import type { Clock } from '../../platform/clock.ts';
import { ERROR_CATALOGUE } from '../../platform/errors/catalogue.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { Ids } from '../../platform/ids.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import type { Store } from '../../platform/store/port.ts';
import { jsonCodec } from '../codecs/json.ts';
import { decodePercent, EMPTY_SHA256 } from '../signature/canonical.ts';
import { checkClaim, parseClaim } from '../signature/claim.ts';
import { signRequest } from '../signature/sign.ts';
import { signatureMatches } from '../signature/verify.ts';
import { type BrowserSession, cookieOf, SESSION_LIFETIME_MS, sessionOf } from './browser-session.ts';
import { createStaticFiles, PAGE_HEADERS } from './static-files.ts';

export interface ConsolePorts {
  readonly dispatcher: Dispatcher;
  readonly services: readonly Service[];
  readonly identities: IdentityDirectory;
  readonly store: Pick<Store, 'commit'>;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Seals session cookies; at least 32 bytes. */
  readonly sessionKey: Uint8Array;
  readonly consoleFolder: string;
  /** Own address as clients are told it, e.g. `http://127.0.0.1:7600`; Host and Origin must be this. */
  readonly ownUrl: () => URL;
  readonly runtimeUrl: () => URL;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

const ROOT = '/_slipway/ui';
const BODY_BYTES_MAX = 6_291_456;
/** The page reads; the one thing it may do is ask for a prediction, which has a route of its own. */
const READABLE = /^(sagemaker|logs):(List|Describe|Get|BatchDescribe)[A-Za-z]+$/;

/** The web page: sign-in by a presigned link, static files, and reads in the signed-in user's name. */
export function createConsoleRoutes(ports: ConsolePorts): WebRoute[] {
  const files = createStaticFiles(ports.consoleFolder);
  const handle = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    if (!isOwnHost(ports, request)) return refuse(response, 403, 'This address is not the one this server is known by.');
    const path = url.pathname.slice(ROOT.length);
    if (path === '/session') return openSession(ports, request, response, url);
    if (request.method === 'GET' && /^\/[a-z0-9-]+\.(css|svg|ts)$/.test(path)) return files.serve(path.slice(1), response);
    const session = await signedIn(ports, request);
    if (!session) return refuse(response, 403, 'Sign in with a one-time link. Print one with: npx slipway ui');
    if (request.method === 'GET' && (path === '' || path === '/')) return files.serve('index.html', response);
    if (request.method === 'GET' && path === '/identity') {
      return answerJson(response, 200, { arn: session.credential.principal.arn, region: session.browser.region });
    }
    if (request.method !== 'POST' || !isOwnOrigin(ports, request)) return refuse(response, 403, 'Only this page itself may ask that.');
    if (path.startsWith('/api/')) return answerCall(ports, request, response, path.slice('/api/'.length), session);
    if (path.startsWith('/invoke/')) return answerPrediction(ports, request, response, path.slice('/invoke/'.length), session);
    return refuse(response, 404, 'Not found.');
  };
  return [{ path: ROOT, handle }, { path: `${ROOT}/`, handle }];
}

/** A foreign Host header means DNS rebinding or a mistake; either way nothing is shown. */
function isOwnHost(ports: ConsolePorts, request: IncomingMessage): boolean {
  const own = ports.ownUrl();
  return request.headers.host === own.host || request.headers.host === `localhost:${own.port}`;
}

function isOwnOrigin(ports: ConsolePorts, request: IncomingMessage): boolean {
  const { origin } = request.headers;
  return origin !== undefined && isOwnHost(ports, request) && origin === `${ports.ownUrl().protocol}//${request.headers.host}`;
}

/** The presigned link of `slipway ui`: its signature is checked like any request's, and it works once. */
async function openSession(ports: ConsolePorts, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const signed = { method: request.method ?? '', target: request.url ?? '', headers: request.headers };
  const claim = parseClaim(signed);
  const nowMs = ports.clock.now();
  const spent = 'This link is not valid (any more): it works once, for five minutes. Print a new one with: npx slipway ui';
  if ('fault' in claim || claim.kind !== 'query' || claim.scope.service !== 'slipway') return refuse(response, 403, spent);
  if (checkClaim(claim, request.headers, nowMs)) return refuse(response, 403, spent);
  const credential = await ports.identities.credential(claim.accessKeyId, claim.sessionToken);
  if (!credential || 'problem' in credential) return refuse(response, 403, spent);
  if (credential.principal.kind !== 'user') return refuse(response, 403, 'Only a user can sign in, not a role session.');
  if (!signatureMatches(claim, credential.secretAccessKey, signed, EMPTY_SHA256)) return refuse(response, 403, spent);
  const name = createHash('sha256').update(url.search).digest('hex');
  const key = { account: credential.principal.account, region: GLOBAL, kind: 'BrowserLink', name };
  const committed = await ports.store.commit({
    expect: [{ key, version: 0 }],
    write: [{ key, document: { accessKeyId: claim.accessKeyId }, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } }],
    ledger: [{
      timeMs: nowMs, account: key.account, region: claim.scope.region, actor: credential.principal.arn, action: 'slipway:OpenBrowserSession',
      outcome: 'done', resources: [credential.principal.arn], origin: { sourceIp: request.socket.remoteAddress ?? '' },
    }],
  });
  if (committed.outcome !== 'done') return refuse(response, 403, spent);
  const session: BrowserSession = {
    accessKeyId: claim.accessKeyId, region: claim.scope.region, expiresAtMs: nowMs + SESSION_LIFETIME_MS };
  const cookie = cookieOf(session, ports.sessionKey, ports.ownUrl().protocol === 'https:');
  // A redirect would be followed with the cross-site context of the click, and a SameSite=Strict cookie stays behind there
  const page = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${ROOT}"><a href="${ROOT}">Slipway</a>`;
  response.writeHead(200, { ...PAGE_HEADERS, 'content-type': 'text/html; charset=utf-8', 'set-cookie': cookie }).end(page);
}

interface SignedIn {
  readonly browser: BrowserSession;
  readonly credential: Credential;
}

/** A cookie holds only as long as its access key does. */
async function signedIn(ports: ConsolePorts, request: IncomingMessage): Promise<SignedIn | undefined> {
  const browser = sessionOf(request.headers.cookie, ports.sessionKey, ports.clock.now());
  const credential = browser && (await ports.identities.credential(browser.accessKeyId, undefined));
  return browser && credential && !('problem' in credential) ? { browser, credential } : undefined;
}

async function answerCall(
  ports: ConsolePorts, request: IncomingMessage, response: ServerResponse, name: string, { browser, credential }: SignedIn,
): Promise<void> {
  const requestId = ports.ids.uuid();
  const [prefix = '', operationName = ''] = name.split(':');
  const service = findService(ports.services, prefix);
  const operation = service?.operations.get(operationName);
  try {
    if (!service || !operation || !READABLE.test(name)) {
      throw new ServiceError('AccessDeniedException', `The page may not call ${name.slice(0, 100)}.`);
    }
    const body = await readBody(request);
    const wire = { method: 'POST', path: '/', query: [], headers: {}, labels: {}, body };
    const input = jsonCodec.decode(service, operation, wire);
    const caller = {
      principal: credential.principal, region: browser.region, requestId,
      client: { sourceIp: request.socket.remoteAddress ?? '', userAgent: request.headers['user-agent'] ?? '' } };
    const output = await ports.dispatcher.dispatch(name as 'sagemaker:ListPipelines', input, caller);
    const encoded = jsonCodec.encode(service, operation, output as Record<string, unknown>, requestId);
    response.writeHead(encoded.status, { ...PAGE_HEADERS, ...encoded.headers }).end(encoded.body);
  } catch (error) {
    answerError(ports, response, requestId, error);
  }
}

function answerError(ports: ConsolePorts, response: ServerResponse, requestId: string, error: unknown): void {
  if (error instanceof ServiceError) {
    return answerJson(response, ERROR_CATALOGUE[error.code].status, { __type: error.code, message: error.message });
  }
  ports.log('page call failed', { requestId, error });
  answerJson(response, 500, { __type: 'InternalFailure', message: `Internal failure; request id ${requestId}.` });
}

/** Signs the prediction with the user's own key and passes it to the router, which authorises it like any other. */
async function answerPrediction(
  ports: ConsolePorts, request: IncomingMessage, response: ServerResponse, endpoint: string, { browser, credential }: SignedIn,
): Promise<void> {
  const requestId = ports.ids.uuid();
  try {
    const name = decodePercent(endpoint);
    if (name === undefined) throw new ServiceError('ValidationException', 'The endpoint name is not validly percent-encoded.');
    const body = await readBody(request);
    const url = new URL(`/endpoints/${encodeURIComponent(name)}/invocations`, ports.runtimeUrl());
    const headers: Record<string, string> = { 'content-type': request.headers['content-type'] ?? 'text/csv' };
    if (request.headers.accept && request.headers.accept !== '*/*') headers.accept = request.headers.accept;
    const signed = signRequest({
      method: 'POST', url, headers, body, region: browser.region, service: 'sagemaker', nowMs: ports.clock.now(),
      credentials: { accessKeyId: browser.accessKeyId, secretAccessKey: credential.secretAccessKey } });
    const onward = httpRequest(url, { method: 'POST', headers: { ...signed, 'content-length': String(body.length) } }, (answer) => {
      const variant = answer.headers['x-amzn-invoked-production-variant'];
      response.writeHead(answer.statusCode ?? 502, {
        ...PAGE_HEADERS, 'content-type': answer.headers['content-type'] ?? 'text/plain',
        ...(variant ? { 'x-amzn-invoked-production-variant': variant } : {}) });
      answer.pipe(response);
    });
    onward.on('error', (error) => {
      ports.log('prediction from the page not forwarded', { requestId, error });
      if (!response.headersSent) answerJson(response, 503, { __type: 'ServiceUnavailable', message: 'The router does not answer.' });
      else response.destroy();
    });
    onward.end(body);
  } catch (error) {
    answerError(ports, response, requestId, error);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    sizeBytes += part.length;
    if (sizeBytes > BODY_BYTES_MAX) throw new ServiceError('RequestEntityTooLarge', `A body may have at most ${BODY_BYTES_MAX} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function answerJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { ...PAGE_HEADERS, 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { ...PAGE_HEADERS, 'content-type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}
