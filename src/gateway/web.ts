import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WebRoute } from '../platform/ports/web.ts';
import type { GatewayLog } from './fault.ts';
import { hasLongRest } from './respond.ts';

/** Everything under `/_slipway/`, and the unsigned `/`. Pages do their own sign-in; here only Host is checked. */
export interface WebPorts {
  readonly routes: readonly WebRoute[];
  /** Host names (without port) under which pages may be opened; others could be a rebound foreign name. */
  readonly hosts: readonly string[];
  readonly log: GatewayLog;
}

/** Whether the request is for a page; an unsigned GET of `/` is, a signed one is S3's ListBuckets. */
export function isWebRequest(request: IncomingMessage): boolean {
  const url = request.url ?? '/';
  if (url.startsWith('/_slipway/') || url === '/_slipway') return true;
  const unsigned = request.headers.authorization === undefined && (url === '/' || url === '/favicon.ico');
  return unsigned && (request.method === 'GET' || request.method === 'HEAD') && request.headers['x-amz-target'] === undefined;
}

export async function answerWeb(ports: WebPorts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = URL.parse(request.url ?? '/', 'http://slipway.invalid');
  if (!url) return sendText(request, response, 400, 'Bad request: the URL cannot be parsed.');
  if (!hostAllowed(ports.hosts, request.headers.host)) {
    return sendText(request, response, 403, 'Forbidden: pages are served only under the names this server was started with.');
  }
  if (url.pathname === '/') {
    response.writeHead(302, { location: '/_slipway/ui', 'content-length': '0' });
    response.end();
    return;
  }
  if (url.pathname === '/_slipway/health') return sendText(request, response, 200, '{"status":"ok"}', 'application/json');
  const route = findRoute(ports.routes, url.pathname);
  if (!route) return sendText(request, response, 404, `Not found: ${url.pathname.slice(0, 200)}`);
  try {
    await route.handle(request, response, url);
  } catch (error) {
    ports.log.error({ path: url.pathname, err: error }, 'page failed');
    if (response.headersSent) response.destroy();
    else sendText(request, response, 500, 'Internal error; the server log has more.');
  }
}

function findRoute(routes: readonly WebRoute[], path: string): WebRoute | undefined {
  const exact = routes.find((route) => route.path === path || route.path === `${path}/`);
  const prefixes = routes.filter((route) => route.path.endsWith('/') && path.startsWith(route.path));
  return exact ?? prefixes.sort((a, b) => b.path.length - a.path.length)[0];
}

function hostAllowed(hosts: readonly string[], header: string | undefined): boolean {
  const name = (header ?? '').replace(/:\d+$/, '').toLowerCase();
  return hosts.includes(name);
}

function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  const headers = {
    'content-type': type,
    'content-length': String(Buffer.byteLength(text)),
    'x-content-type-options': 'nosniff',
  };
  response.writeHead(status, hasLongRest(request) ? { ...headers, connection: 'close' } : headers);
  response.end(request.method === 'HEAD' ? undefined : text);
  request.resume();
}
