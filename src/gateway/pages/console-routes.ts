import type { IncomingMessage } from 'node:http';
import type { Service } from '../../contract/services.ts';
import type { IdentityDirectory } from '../../platform/authorization/port.ts';
import type { Dispatcher } from '../../platform/calls/dispatch.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { Store } from '../../platform/store/port.ts';
import { sessionOf } from './browser-session.ts';
import { openSession } from './open-session.ts';
import { answerJson, answerNotice, type Exchange, ROOT } from './page-answers.ts';
import { answerPageCall, type SignedIn } from './page-calls.ts';
import { createStaticFiles, type StaticFiles } from './static-files.ts';

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

/** Needs no session: it is the same for everybody, and the sign-in page wants its looks. */
const STATIC = /^\/([a-z0-9-]+\.(?:css|svg|ts))$/;

/** The web page: sign-in by a presigned link, static files, and reads in the signed-in user's name. */
export function createConsoleRoutes(ports: ConsolePorts): WebRoute[] {
  const files = createStaticFiles(ports.consoleFolder);
  const page: WebRoute['handle'] = (request, response, url) => answerPage(ports, files, { request, response }, url);
  return [
    { path: ROOT, handle: page },
    { path: `${ROOT}/`, handle: page },
    { path: '/favicon.ico', handle: (request, response) => files.serve('icon.svg', { request, response }) },
  ];
}

async function answerPage(ports: ConsolePorts, files: StaticFiles, to: Exchange, url: URL): Promise<void> {
  const { request } = to;
  const path = url.pathname.slice(ROOT.length);
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isOwnHost(ports, request)) return refuse(to, 403, 'WrongHost', 'This address is not the one this server is known by.');
  if (path === '/session') return openSession(ports, to);
  const [, file] = STATIC.exec(path) ?? [];
  if (isRead && file) return files.serve(file, to);
  const user = await signedIn(ports, request);
  const isDocument = path === '' || path === '/';
  if (!user && isRead && isDocument) return askToSignIn(to);
  if (!user) return refuse(to, 401, 'NotSignedIn', 'Sign in with a one-time link. Print one with: npx slipway ui');
  if (isRead && isDocument) return files.serve('index.html', to);
  if (isRead && path === '/identity') {
    const { arn } = user.credential.principal;
    return answerJson(to, 200, { arn, region: user.browser.region, expiresAtMs: user.browser.expiresAtMs });
  }
  if (request.method === 'POST') {
    if (!isOwnOrigin(ports, request)) return refuse(to, 403, 'WrongOrigin', 'Only this page itself may ask that.');
    if (await answerPageCall(ports, to, path, user)) return;
  }
  refuse(to, 404, 'NotFound', 'There is nothing here.');
}

/** A foreign Host header means DNS rebinding or a mistake; either way nothing is shown. */
function isOwnHost(ports: ConsolePorts, request: IncomingMessage): boolean {
  const own = ports.ownUrl();
  const local = new URL(own);
  local.hostname = 'localhost';
  return request.headers.host === own.host || request.headers.host === local.host;
}

function isOwnOrigin(ports: ConsolePorts, request: IncomingMessage): boolean {
  return request.headers.origin === `${ports.ownUrl().protocol}//${request.headers.host}`;
}

/** A cookie holds only as long as its access key does. */
async function signedIn(ports: ConsolePorts, request: IncomingMessage): Promise<SignedIn | undefined> {
  const browser = sessionOf(request.headers.cookie, ports.sessionKey, ports.ownUrl(), ports.clock.now());
  const credential = browser && (await ports.identities.credential(browser.accessKeyId, undefined));
  return browser && credential && !('problem' in credential) ? { browser, credential } : undefined;
}

function askToSignIn(to: Exchange): void {
  const message = 'This page opens with a one-time link. Print one in a terminal, in the folder of the server:';
  answerNotice(to, 401, { title: 'Sign in', message, command: 'npx slipway ui', script: 'sign-in.ts' });
}

const refuse = (to: Exchange, status: number, code: string, message: string): void =>
  answerJson(to, status, { __type: code, message });
