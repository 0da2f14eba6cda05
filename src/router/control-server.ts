import { chmodSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { createServer } from '../platform/node-http.ts';
import type { InstanceUsage, RouteSnapshot } from '../platform/ports/routes.ts';
import { openSocketPath } from './socket-path.ts';

/** What the router tells of itself. */
export interface RouterStatus {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  /** Fingerprint of the code it runs; another one is replaced, not adopted. */
  readonly build: string;
  readonly revision: number;
}

export interface ControlPorts {
  status(): RouterStatus;
  /** Applies and keeps a snapshot that is newer than the present one; false otherwise. */
  apply(snapshot: RouteSnapshot, text: string): boolean;
  drained(instances: readonly string[], timeoutMs: number): Promise<boolean>;
  usage(instances: readonly string[]): Readonly<Record<string, InstanceUsage>>;
  stop(): void;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The server's side door: a unix socket that only the owner of the data folder can open. */
export async function listenForControl(path: string, ports: ControlPorts): Promise<Server> {
  if (await answers(path)) throw new Error('another router serves this data folder');
  return listenOnSocket(path, (request, response) => handle(ports, request, response));
}

/** Listens in place of whatever a killed process left at the path. */
export async function listenOnSocket(path: string, answerOne: Handle): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    answerOne(request, response).catch((error: unknown) => reply(response, 500, { problem: String(error) }));
  });
  const address = openSocketPath(path);
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address.path, resolve);
    });
    chmodSync(path, 0o600);
  } finally {
    process.umask(before);
    address.close();
  }
  return server;
}

async function handle(ports: ControlPorts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (`${request.method} ${request.url}`) {
    case 'GET /status':
      return reply(response, 200, ports.status());
    case 'GET /watch':
      // never ends: the watcher sees the router's death as the end of this answer
      response.writeHead(200);
      response.flushHeaders();
      return;
    case 'PUT /snapshot': {
      const text = await readText(request);
      const snapshot = JSON.parse(text) as RouteSnapshot;
      return reply(response, ports.apply(snapshot, text) ? 200 : 409, ports.status());
    }
    case 'POST /drain': {
      const { instances, timeoutMs } = JSON.parse(await readText(request)) as { instances: string[]; timeoutMs: number };
      return reply(response, 200, { drained: await ports.drained(instances, timeoutMs) });
    }
    case 'POST /usage': {
      const { instances } = JSON.parse(await readText(request)) as { instances: string[] };
      return reply(response, 200, ports.usage(instances));
    }
    case 'POST /stop':
      reply(response, 200, ports.status());
      return ports.stop();
    default:
      return reply(response, 404, { problem: 'no such control request' });
  }
}

export function reply(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** Whether a live process listens at the path; a leftover of a killed one refuses. */
function answers(path: string): Promise<boolean> {
  const address = openSocketPath(path);
  return new Promise((resolve) => {
    const socket = connect(address.path);
    const settle = (live: boolean) => {
      socket.destroy();
      address.close();
      resolve(live);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
