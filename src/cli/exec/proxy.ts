import { createServer as createHttpServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContext } from 'node:tls';
import { sameText } from '../../platform/authorization/signed-and-sealed.ts';
import type { KeyPair } from '../../platform/key-pair-file.ts';
import { connectThrough, type UpstreamProxy } from './upstream-proxy.ts';

export interface ProxyOptions {
  /** Who may use the proxy says this, as the password of the proxy's URL. */
  readonly token: string;
  /** A certificate for one host that is answered here. */
  certificateFor(host: string): Promise<KeyPair>;
  /** The Slipway server. */
  readonly server: string;
  /** The proxy this host reaches the outside by, if it has one. */
  readonly upstream: UpstreamProxy | undefined;
  /** Answers `GET /credentials`, as AWS's container credentials service does. */
  credentials(): Promise<object>;
}

export interface ExecProxy {
  readonly port: number;
  close(): Promise<void>;
}

/** The hosts whose answers come from Slipway: STS, which the SageMaker SDK names by its full host, wherever it is configured to go. */
const STS_HOST = /^sts(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$/;
/** Where the SageMaker SDK reports which of its functions were called. */
const TELEMETRY_HOST = /^sm-pysdk-t-[a-z0-9-]+\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$/;

/**
 * An HTTP proxy on loopback for one command: it answers `CONNECT` to STS and the SDK's telemetry itself, and tunnels everything else
 * unread. Nobody gets through without the token.
 */
export async function startProxy(options: ProxyOptions): Promise<ExecProxy> {
  const sockets = new Set<Duplex>();
  const track = (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  };
  const inside = createHttpsServer({ SNICallback: contexts(options) }, (request, response) => answer(options, request, response));
  inside.on('connection', track).on('tlsClientError', (_error, socket) => socket.destroy());
  const outside = createHttpServer((request, response) => void direct(options, request, response));
  outside.on('connection', track);
  outside.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    void openTunnel(options, inside, request, socket, head).then((opened) => opened && track(opened));
  });
  await new Promise<void>((resolve, reject) => {
    outside.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (outside.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        outside.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

const isAnswered = (host: string): boolean => STS_HOST.test(host) || TELEMETRY_HOST.test(host);

/** TLS by the name the client asks for, each with a certificate of its own, made once. */
function contexts(options: ProxyOptions): (host: string, done: (error: Error | null, context?: SecureContext) => void) => void {
  const made = new Map<string, Promise<SecureContext>>();
  const make = async (host: string): Promise<SecureContext> => {
    const { certificate: cert, key } = await options.certificateFor(host);
    return createSecureContext({ cert, key });
  };
  return (host, done) => {
    if (!isAnswered(host)) return done(new Error(`${host} is not answered here.`));
    const context = made.get(host) ?? make(host);
    made.set(host, context);
    context.then(
      (found) => done(null, found),
      (error) => done(error as Error),
    );
  };
}

/** Answers the connection itself, or connects it to where it wants to go; then gives that other end. */
async function openTunnel(
  options: ProxyOptions,
  inside: Server,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<Duplex | undefined> {
  if (!hasToken(request.headers['proxy-authorization'], options.token)) {
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="slipway exec"\r\n\r\n');
    return undefined;
  }
  const { host, port } = targetOf(request.url ?? '');
  if (host === undefined || port === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    return undefined;
  }
  if (port === 443 && isAnswered(host)) {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) socket.unshift(head);
    inside.emit('connection', socket);
    return undefined;
  }
  return tunnel(options, { host, port }, socket, head);
}

async function tunnel(
  options: ProxyOptions,
  target: { host: string; port: number },
  socket: Socket,
  head: Buffer,
): Promise<Duplex | undefined> {
  try {
    const there = options.upstream?.covers(target.host)
      ? await connectThrough(options.upstream, target)
      : await connected(connect(target.port, target.host));
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    there.write(head);
    there.pipe(socket).pipe(there);
    there.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('close', () => there.destroy());
    return there;
  } catch (error) {
    socket.end(`HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain\r\n\r\n${(error as Error).message}\n`);
    return undefined;
  }
}

const connected = (socket: Socket): Promise<Socket> =>
  new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket)).once('error', reject);
  });

function targetOf(authority: string): { host: string | undefined; port: number | undefined } {
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[^:\s]+):(\d{1,5})$/i.exec(authority) ?? [];
  const number = Number(port);
  return { host: host?.toLowerCase().replace(/^\[|\]$/g, ''), port: number > 0 && number < 65_536 ? number : undefined };
}

/** A request inside an answered connection. Signatures cover the host name, so it goes on as it came. */
function answer(options: ProxyOptions, incoming: IncomingMessage, response: ServerResponse): void {
  if (TELEMETRY_HOST.test((incoming.headers.host ?? '').toLowerCase())) {
    incoming.resume();
    response.writeHead(200, { 'content-length': 0 }).end();
    return;
  }
  const { hostname, port } = new URL(options.server);
  const onward = request(
    { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
    (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(response);
    },
  );
  onward.on('error', (error) => {
    if (response.headersSent) return response.destroy();
    response.writeHead(503, { 'content-type': 'text/plain' });
    response.end(`The Slipway server at ${options.server} did not answer: ${error.message}\n`);
  });
  incoming.pipe(onward);
}

/** Requests that are none for a proxy: the command asking for credentials. */
async function direct(options: ProxyOptions, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = (status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  if (incoming.method !== 'GET' || incoming.url !== '/credentials') {
    return reply(404, { message: 'slipway exec: only CONNECT and GET /credentials are answered here.' });
  }
  if (!sameText(options.token, incoming.headers.authorization ?? ''))
    return reply(403, { message: 'slipway exec: wrong token.' });
  try {
    reply(200, await options.credentials());
  } catch (error) {
    reply(503, { message: (error as Error).message });
  }
}

function hasToken(header: string | undefined, token: string): boolean {
  const [, encoded = ''] = /^Basic (.+)$/i.exec(header ?? '') ?? [];
  const given = Buffer.from(encoded, 'base64').toString('utf8');
  return sameText(token, given.slice(given.indexOf(':') + 1));
}
