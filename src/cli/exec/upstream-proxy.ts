import { type ClientRequest, request } from 'node:http';
import type { Socket } from 'node:net';

/** The proxy of the caller's own environment, by which hosts outside are reached. */
export interface UpstreamProxy {
  readonly url: URL;
  /** Whether this host is reached by it (NO_PROXY excepts some). */
  covers(host: string): boolean;
}

/** From `HTTPS_PROXY` and `NO_PROXY`, in either case. Undefined when none is set. */
export function upstreamProxyOf(environment: NodeJS.ProcessEnv): UpstreamProxy | undefined {
  const text = environment['https_proxy'] || environment['HTTPS_PROXY'];
  if (!text) return undefined;
  const url = new URL(text.includes('://') ? text : `http://${text}`);
  const excepted = (environment['no_proxy'] || environment['NO_PROXY'] || '')
    .split(',')
    .map((name) =>
      name
        .trim()
        .toLowerCase()
        .replace(/^\*?\./, ''),
    )
    .filter((name) => name !== '');
  return { url, covers: (host) => !excepted.some((name) => name === '*' || host === name || host.endsWith(`.${name}`)) };
}

/** A connection to `target` by way of the other proxy. */
export function connectThrough({ url }: UpstreamProxy, target: { host: string; port: number }): Promise<Socket> {
  const authority = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return new Promise((resolve, reject) => {
    const asked: ClientRequest = request({
      hostname: url.hostname,
      port: url.port || 80,
      method: 'CONNECT',
      path: authority,
      headers: {
        host: authority,
        ...(url.username && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
      },
    });
    asked.once('error', reject).once('connect', (response, socket) => {
      if (response.statusCode === 200) resolve(socket);
      else reject(new Error(`The proxy ${url.host} refused ${authority}: ${response.statusCode} ${response.statusMessage}.`));
    });
    asked.end();
  });
}
