import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientRequest, createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signRequest } from '../gateway/signature/sign.ts';
import type { Log } from '../platform/log.ts';
import type { EndpointRoute, VariantRoute } from '../platform/ports/routes.ts';
import { type RouterHandle, startOrAdoptRouter } from './control.ts';

const quiet = () => {};
const SILENT: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const ACCOUNT = '123456789012';

export type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A router process with one user who may do everything, and model servers of the test. */
export class RouterRig {
  readonly folder: string;
  readonly router: RouterHandle;
  readonly #stops: (() => void)[] = [];
  #sockets = 0;

  private constructor(folder: string, router: RouterHandle) {
    this.folder = folder;
    this.router = router;
  }

  static async start(): Promise<RouterRig> {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-router-'));
    const router = await startOrAdoptRouter({ dataFolder: folder, host: '127.0.0.1', port: 0, log: SILENT });
    const principal = { kind: 'user', account: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:user/a`, userId: 'a', name: 'a' } as const;
    await router.publishIdentities({
      accessKeys: [{ id: 'AKIA', secret: 'secret', principal }],
      sealingKey: '11'.repeat(32),
      policies: { a: [{ Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }] },
    });
    return new RouterRig(folder, router);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    await this.router.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** The instance of a variant that answers by `handler`. */
  async instance(id: string, handler: Handler): Promise<VariantRoute['instances'][number]> {
    this.#sockets += 1;
    const socketPath = join(this.folder, `model-${this.#sockets}.sock`);
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => handler(request, response, body));
    });
    server.listen(socketPath);
    await once(server, 'listening');
    this.#stops.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return { id, address: { kind: 'unix', socketPath } };
  }

  route(variants: readonly Partial<VariantRoute>[], more: Partial<EndpointRoute> = {}): Promise<void> {
    const route: EndpointRoute = {
      account: ACCOUNT,
      region: 'us-east-1',
      name: 'live',
      arn: `arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint/live`,
      variants: variants.map((variant, place) => ({ name: `v${place}`, weight: 1, instances: [], ...variant })),
      ...more,
    };
    return this.router.publishEndpoints([route]);
  }

  ask(body: string, headers: Record<string, string> = {}, path = 'invocations'): Promise<Answer> {
    const asked = this.open(body, headers, path);
    return new Promise((resolve, reject) => {
      asked.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        response.on('error', reject);
      });
      asked.on('error', reject);
    });
  }

  /** A request on its way. */
  open(body: string, headers: Record<string, string> = {}, path = 'invocations'): ClientRequest {
    const url = new URL(`http://127.0.0.1:${this.router.port}/endpoints/live/${path}`);
    const signed = signRequest({
      method: 'POST',
      url,
      body,
      headers,
      region: 'us-east-1',
      service: 'sagemaker',
      nowMs: Date.now(),
      credentials: { accessKeyId: 'AKIA', secretAccessKey: 'secret' },
    });
    const asked = httpRequest(url, { method: 'POST', headers: { ...signed, 'content-length': Buffer.byteLength(body) } });
    asked.on('error', () => {});
    asked.end(body);
    return asked;
  }
}
