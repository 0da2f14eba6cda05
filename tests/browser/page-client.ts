import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { connect, type Connection } from '../../src/cli/connection.ts';
import { uiLink } from '../../src/cli/verbs/ui.ts';
import type { TestServer } from '../harness/server.ts';

/** Speaks to the page over plain HTTP, with any Host, path and headers: what browsers would not send, others do. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface PageRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** `path` goes out as it is given. */
export function ask(url: string, path: string, { method = 'GET', headers = {}, body }: PageRequest = {}): Promise<PageAnswer> {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true }); // as browsers do: the server may read the rest of a refused body away
  return new Promise<PageAnswer>((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent }, (answer) => {
      text(answer).then((got) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: got }), reject);
    });
    sent.on('error', reject);
    sent.end(body);
  }).finally(() => agent.destroy());
}

export const ROOT = '/_slipway/ui';

export const connectTo = (server: TestServer): Promise<Connection> => connect(server.folder);

/** Path and query of a fresh one-time link. */
export async function linkOf(server: TestServer): Promise<string> {
  const { pathname, search } = uiLink(await connectTo(server));
  return pathname + search;
}

/** The `name=value` a browser would send back. */
export const cookieOf = ({ headers }: PageAnswer): string => headers['set-cookie']?.[0]?.split(';')[0] ?? '';

/** Signs in with a fresh link; gives the cookie. */
export async function signIn(server: TestServer): Promise<string> {
  return cookieOf(await ask(server.url, await linkOf(server)));
}

/** A call as the page itself makes it. */
export const callAs = (server: TestServer, cookie: string, path: string, body: unknown = {}): Promise<PageAnswer> =>
  ask(server.url, ROOT + path, {
    method: 'POST',
    headers: { cookie, origin: server.url, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
