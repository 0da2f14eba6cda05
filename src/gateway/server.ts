import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Service } from '../contract/services.ts';
import { comesTooLate, hearLastAnswer } from '../platform/last-answer.ts';
import { createServer } from '../platform/node-http.ts';
import type { RegistryTokens } from '../platform/authorization/registry-token.ts';
import { LOOPBACK_HOSTS, type WebRoute } from '../platform/ports/web.ts';
import { answer, type AnswerPorts } from './answer.ts';
import type { Forward } from './forward.ts';
import { answerGit, type GitFrontPorts } from './git/git-front.ts';
import { isGitRequest } from './git/git-request.ts';
import { answerRegistry, isRegistryRequest } from './registry/registry.ts';
import { awaitingContinue } from './respond.ts';
import { createRoutingTable } from './routing.ts';
import { answerWeb, isWebRequest } from './web.ts';

export interface GatewayPorts extends Omit<AnswerPorts, 'routing'> {
  /** Opens the passwords of registry clients; without it `/v2/` is answered as any other path. */
  readonly registryTokens?: RegistryTokens;
  /** Serves git repositories and hears their webhooks; without it their addresses are those of pages. */
  readonly git?: Pick<GitFrontPorts, 'service' | 'serviceCredential'>;
  readonly services: readonly Service[];
  readonly webRoutes: readonly WebRoute[];
  /** Host names of pages besides the loopback ones. */
  readonly webHosts?: readonly string[];
  /** Where InvokeEndpoint goes (see forward.ts). */
  readonly runtimeForward: Forward;
  /**
   * Settled when rooms and router are up. Requests that come before wait for it: the port is taken first, since jobs that
   * outlived the last server call it, and a room that is not started would act on projections it has not rebuilt.
   */
  readonly ready?: Promise<void>;
}

export interface Gateway {
  readonly server: Server;
  /** Resolves with the port that is listened on. */
  listen(port: number, host: string): Promise<number>;
  /** Takes no new requests, finishes those in flight, cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Connections that neither send nor take a byte for this long are closed. */
const IDLE_MS = 120_000;
/** Longer than clients keep idle connections, so that it is not us who closes one just taken from a pool. */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_MS = 20_000;
/** After its answer a client has this long to send what is left of a body that nobody reads; a byte now and then is not idle. */
const REST_MS = 10_000;
const HEADER_BYTES_MAX = 64 * 1024;
const HEADERS_MAX = 200;

const INVOCATION = /^\/endpoints\/[^/?]+\/(?:invocations|async-invocations|invocations-response-stream)(?:$|\?)/;

export function createGateway(ports: GatewayPorts): Gateway {
  const routing = createRoutingTable(ports.services);
  const answerPorts: AnswerPorts = { ...ports, routing };
  const { registryTokens, git } = ports;
  const webPorts = { routes: ports.webRoutes, hosts: [...LOOPBACK_HOSTS, ...(ports.webHosts ?? [])], log: ports.log };
  let isReady = ports.ready === undefined;
  void ports.ready?.then(() => {
    isReady = true;
  });
  const handle = (request: IncomingMessage, response: ServerResponse, sendContinue: () => void): void => {
    request.on('error', () => {}); // a vanished client; whoever reads the body hears it too
    if (comesTooLate(request)) return;
    hearLastAnswer(request);
    response.once('finish', () => limitRest(request));
    if (isReady) serve(request, response, sendContinue);
    else void ports.ready?.then(() => response.destroyed || serve(request, response, sendContinue));
  };
  const serve = (request: IncomingMessage, response: ServerResponse, sendContinue: () => void): void => {
    if (isInvocation(request)) ports.runtimeForward(request, response);
    else if (registryTokens && isRegistryRequest(request)) {
      void answerRegistry({ ...ports, registryTokens }, request, response, sendContinue);
    } else if (git && isGitRequest(request)) {
      void answerGit({ ...ports, ...git }, request, response, sendContinue);
    } else if (isWebRequest(request)) {
      sendContinue();
      void answerWeb(webPorts, request, response);
    } else void answer(answerPorts, request, response, sendContinue);
  };
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0, // an upload of 5 GiB may take its time; idle connections and buffered bodies have limits of their own
  });
  server.maxHeadersCount = HEADERS_MAX;
  server.timeout = IDLE_MS;
  server.on('request', (request, response) => handle(request, response, () => {}));
  server.on('checkContinue', (request, response) => {
    awaitingContinue.add(request);
    handle(request, response, () => {
      if (awaitingContinue.delete(request)) response.writeContinue();
    });
  });
  server.on('clientError', refuseMalformed);
  return { server, listen: (port, host) => listen(server, port, host), close: (graceMs) => close(server, graceMs) };
}

function limitRest(request: IncomingMessage): void {
  if (request.complete) return;
  const cut = setTimeout(() => request.socket.destroy(), REST_MS).unref();
  request.once('close', () => clearTimeout(cut));
}

/** A POST to an endpoint's path, unless S3's scope says that `endpoints` is a bucket. */
const isInvocation = (request: IncomingMessage): boolean =>
  request.method === 'POST' &&
  INVOCATION.test(request.url ?? '') &&
  !/\/s3\/aws4_request/.test(request.headers.authorization ?? '');

/** Bytes that are no HTTP: there is no request to answer, so the answer is written by hand. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
