import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandboxBackend, type SandboxBackend } from '../../backends/sandbox/sandbox-backend.ts';
import type { DescribeEndpointOutput } from '../../contract/generated/sagemaker.ts';
import { signRequest } from '../../gateway/signature/sign.ts';
import { createAdmission } from '../../platform/admission/admission.ts';
import { GRANTED_ROLES } from '../../platform/authorization/roles-rig.ts';
import { systemClock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { createLogFiles } from '../../platform/log-files.ts';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import { createReconcileLoop, type RunnableLoop } from '../../platform/reconcile/loop.ts';
import { type RouterHandle, startOrAdoptRouter } from '../../router/control.ts';
import { ACCOUNT, REGION, RegistryRig, user } from '../registry/registry-rig.ts';
import { createLogsRoom } from '../logs/room.ts';
import { createHostingRoom } from './room.ts';

export const ROLE = `arn:aws:iam::${ACCOUNT}:role/SageMakerPipelineExecutionRole`;

/**
 * A model server as small as can be: answers with the text in its model data and the request body. The environment can make
 * it never ping, or end at once; `exit` as a body ends it.
 */
const MODEL_SERVER = `
import json, os, socketserver, sys, threading, time
from http.server import BaseHTTPRequestHandler
models = {}
many = os.environ.get('SAGEMAKER_MULTI_MODEL') == 'true'
text = 'many' if many else open('/opt/ml/model/model.txt').read()
print('model loaded:', text, flush=True)
if os.environ.get('BEHAVIOUR') == 'crash':
    sys.exit('no such column: rings')
class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def reply(self, status, body):
        self.send_response(status); self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        self.reply(503 if os.environ.get('BEHAVIOUR') == 'mute' else 200, b'')
    def do_DELETE(self):
        models.pop(self.path.split('/')[2], None)
        self.reply(200, b'')
    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        if body == b'exit': os._exit(3)
        if self.path == '/models':
            asked = json.loads(body)
            if asked['model_name'] in models: return self.reply(409, b'loaded')
            if len(models) >= 2: return self.reply(507, b'full')
            models[asked['model_name']] = open(asked['url'] + '/model.txt').read()
            return self.reply(200, b'{}')
        if self.path.startswith('/models/'):
            name = self.path.split('/')[2]
            return self.reply(200, models[name].encode() + b' ' + body) if name in models else self.reply(404, b'unknown')
        if body.startswith(b'until ') and time.time() * 1000 < int(body[6:]): os._exit(4)
        if body == b'wait':
            while not os.path.exists('/opt/ml/model/go'): threading.Event().wait(0.02)
        if body.startswith(b'hold'):
            time.sleep(1.5)
        if body == b'fail': return self.reply(418, b'no tea')
        self.send_response(200)
        answer = text.encode() + b' ' + body
        if os.environ.get('BEHAVIOUR') == 'headers':
            answer += (' [%s > %s]' % (self.headers['content-type'], self.headers['accept'])).encode()
        self.send_header('content-type', 'made/by-' + text)
        self.send_header('content-length', str(len(answer))); self.end_headers(); self.wfile.write(answer)
    def address_string(self): return 'router'
    def log_message(self, *args): pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
Server(os.environ['SLIPWAY_SERVE_SOCKET'], Handler).serve_forever()
`;

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };
const KEY = { accessKeyId: 'AKIAADMIN', secretAccessKey: 'secret' };

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

/** One server's worth of hosting on a data folder: real store, blobs, sandbox, router and model-server processes. */
export class HostingRig extends RegistryRig {
  readonly backend: SandboxBackend;
  readonly loop: RunnableLoop;
  readonly #router: RouterHandle;
  /** Of the rooms made from now on. */
  static serverlessIdleMs = 5 * 60_000;
  readonly #room: ReturnType<typeof createHostingRoom>;

  private constructor(folder: string, router: RouterHandle) {
    super(folder);
    this.#router = router;
    const clock = systemClock;
    const logFiles = createLogFiles({ folder: join(folder, 'logs') });
    this.loop = createReconcileLoop({ store: this.store, clock, log: SILENT });
    this.backend = createSandboxBackend({
      folder,
      cacheFolder: join(folder, 'cache'),
      blobs: this.blobs,
      clock,
      settings: { sandbox: 'auto' },
      log: SILENT,
      locateRuntime: () => ({ folders: [], environment: { PATH: '/usr/bin:/bin' } }),
    });
    const image: ResolvedImage = {
      image: '',
      repository: 'sagemaker-xgboost',
      tag: '1.7-1',
      runtime: 'ml',
      framework: 'xgboost',
      profile: {},
      promised: {},
      actual: {},
      serveCommand: ['/usr/bin/python3', '-c', MODEL_SERVER],
    };
    this.#room = createHostingRoom({
      store: this.store,
      calls: this.calls,
      clock,
      log: SILENT,
      loop: this.loop,
      backend: this.backend,
      routes: router,
      logFiles,
      admission: createAdmission({ capacity: { cpus: 2, memoryMiB: 4096 } }),
      runtimes: {
        resolve: (name) =>
          name.includes('unknown') ? { problem: `The image ${name} is not known here.` } : { ...image, image: name },
      },
      roles: GRANTED_ROLES,
      settings: {
        ...this.settings,
        get approval() {
          return outer.settings.approval;
        },
        reservations: { job: { cpus: 1, memoryMiB: 1024 }, modelServer: { cpus: 0, memoryMiB: 512 } },
      },
      serverlessIdleMs: HostingRig.serverlessIdleMs,
      instanceLimits: () => ({ cpus: 1, memoryMiB: 256 }),
      workCredentials: { environment: async () => ({}) },
    });
    const outer = this;
    this.open([this.#room, createLogsRoom({ store: this.store, files: logFiles, clock })]);
  }

  static async start(folder = mkdtempSync(join(tmpdir(), 'slipway-hosting-'))): Promise<HostingRig> {
    const router = await startOrAdoptRouter({ dataFolder: folder, host: '127.0.0.1', port: 0, log: SILENT });
    const policies = { admin: [{ Statement: { Effect: 'Allow' as const, Action: '*', Resource: '*' } }] };
    await router.publishIdentities({
      accessKeys: [{ id: KEY.accessKeyId, secret: KEY.secretAccessKey, principal: user('admin') }],
      sealingKey: '',
      policies,
    });
    const rig = new HostingRig(folder, router);
    rig.loop.register(rig.#room.reconcilers ?? []);
    await rig.#room.start?.();
    await rig.loop.start();
    return rig;
  }

  /** How many run on this data folder. */
  modelServers(): number {
    const records = new Set(readdirSync(join(this.folder, 'runs', '.records')));
    return readdirSync(join(this.folder, 'runs')).filter((name) => name.startsWith('endpoint-') && !records.has(`${name}.ended`))
      .length;
  }

  /** As `kill -9` would: memory is gone, router and model servers are not told. */
  async abandon(): Promise<string> {
    await this.loop.stop();
    this.#router.detach();
    this.backend.close();
    await this.blobs.stop();
    await this.store.close();
    return this.folder;
  }

  /** As SIGTERM: model servers and router end, all state stays. */
  async stop(): Promise<string> {
    await this.loop.stop();
    await this.#room.stop?.();
    await this.#router.stop();
    return this.abandon();
  }

  override async close(): Promise<void> {
    rmSync(await this.stop(), { recursive: true, force: true });
  }

  /** Model data whose server answers with `text`. */
  async putModel(uri: string, text: string): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-model-'));
    writeFileSync(join(folder, 'model.txt'), text);
    const archive = execFileSync('tar', ['-cz', '-C', folder, 'model.txt']);
    rmSync(folder, { recursive: true });
    await this.putObject(uri, archive);
  }

  /** Resolves when the endpoint is described as `until` says; `absent` when it is gone. */
  async endpoint(name: string, until: (described: DescribeEndpointOutput) => boolean): Promise<DescribeEndpointOutput> {
    for (;;) {
      const described = await this.call('sagemaker:DescribeEndpoint', { EndpointName: name });
      if (until(described)) return described;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async endpointGone(name: string): Promise<Error> {
    for (;;) {
      const error = await this.call('sagemaker:DescribeEndpoint', { EndpointName: name }).then(
        () => undefined,
        (one: Error) => one,
      );
      if (error) return error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async invoke(endpoint: string, body: string): Promise<{ status: number; text: string }> {
    const { status, text } = await this.ask(endpoint, body);
    return { status, text };
  }

  ask(endpoint: string, body: string, more: Record<string, string> = {}, path = 'invocations'): Promise<Answer> {
    const url = new URL(`http://127.0.0.1:${this.#router.port}/endpoints/${endpoint}/${path}`);
    const headers = signRequest({
      method: 'POST',
      url,
      body,
      headers: { 'content-type': 'text/csv', ...more },
      region: REGION,
      service: 'sagemaker',
      nowMs: Date.now(),
      credentials: KEY,
    });
    return new Promise((resolve, reject) => {
      const request = httpRequest(url, { method: 'POST', headers: { ...headers, 'content-length': body.length } }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }
}
