import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandboxBackend, type SandboxBackend } from '../../backends/sandbox/sandbox-backend.ts';
import { locateWorkRuntime } from '../../backends/sandbox/node-runtime.ts';
import type { InvocationRequest } from '../../contract/generated/lambda.ts';
import { createAdmission } from '../../platform/admission/admission.ts';
import { GRANTED_ROLES } from '../../platform/authorization/roles-rig.ts';
import type { WorkAccess } from '../../platform/authorization/work-credentials.ts';
import type { Room } from '../../platform/calls/operation.ts';
import { type Clock, systemClock } from '../../platform/clock.ts';
import { systemIds } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import { createLogFiles } from '../../platform/log-files.ts';
import type { WorkRequest, WorkSpec } from '../../platform/ports/work.ts';
import type { WithRequestId, WithSource } from '../../platform/ports/invocation.ts';
import { createReconcileLoop, type RunnableLoop } from '../../platform/reconcile/loop.ts';
import { createTokenReconciler } from '../../platform/idempotency.ts';
import { createNoticesRoom } from '../notices/room.ts';
import type { Settings } from '../../platform/settings.ts';
import { createLogsRoom } from '../logs/room.ts';
import { ACCOUNT, RegistryRig, user } from '../registry/registry-rig.ts';
import { createFunctionsRoom, type FunctionsRoom } from './room.ts';

export const ROLE = `arn:aws:iam::${ACCOUNT}:role/SageMakerPipelineExecutionRole`;
export const RUN_ID = '11111111-2222-4333-8444-555555555555';

/** What goes wrong within Slipway is told, until the store is closed under it. */
export const logUntil = (closed: () => boolean): Log => ({
  debug() {},
  info() {},
  warn() {},
  error: (fields, message) => closed() || console.error(message, fields),
});

export interface RigOptions {
  readonly folder?: string;
  readonly idleMs?: number;
  readonly sandbox?: Settings['sandbox'];
  /** The server dies at this commit or effect (each counts twice: before it, and after it): nothing it does later happens. */
  readonly dieAt?: number;
}

/** Where a server dies. */
export class Death {
  readonly #at: number;
  steps = 0;
  readonly #died = Promise.withResolvers<void>();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(at = Infinity) {
    this.#at = at;
  }

  get happened(): Promise<void> {
    return this.#died.promise;
  }

  get isDead(): boolean {
    return this.steps >= this.#at;
  }

  /** What was under way at the death is done: another process would not go on with it beside the next server. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  /** The method as it is until the death, and never answered from then on. */
  until<A extends unknown[], R>(act: (...given: A) => Promise<R>): (...given: A) => Promise<R> {
    const never = new Promise<never>(() => undefined);
    const step = () => {
      if (!this.isDead) this.steps += 1;
      if (this.isDead) this.#died.resolve();
      return this.isDead;
    };
    return async (...given) => {
      if (this.isDead || step()) return never;
      const acting = act(...given);
      this.#underWay.add(acting);
      const result = await acting.finally(() => this.#underWay.delete(acting));
      return this.isDead || step() ? never : result;
    };
  }
}

/** The system's clock; `stop` takes back all it was to call. */
export function stoppableClock(): Clock & { stop(): void } {
  const armed = new Set<() => void>();
  let stopped = false;
  return {
    now: () => systemClock.now(),
    at(atMs, callback) {
      if (stopped) return () => undefined;
      const cancel = systemClock.at(atMs, () => {
        armed.delete(cancel);
        callback();
      });
      armed.add(cancel);
      return cancel;
    },
    stop() {
      stopped = true;
      for (const cancel of armed) cancel();
    },
  };
}

/** One server's worth of functions on a data folder: real store, blobs, sandbox and handlers. */
export class FunctionsRig extends RegistryRig {
  readonly backend: SandboxBackend;
  readonly loop: RunnableLoop;
  readonly #room: FunctionsRoom;
  readonly #notices: Room;
  readonly death: Death;
  /** Whose rights each environment was started with. */
  readonly accesses: WorkAccess[] = [];
  readonly #clock = stoppableClock();
  #closed = false;

  private constructor({
    folder = mkdtempSync(join(tmpdir(), 'slipway-functions-')),
    idleMs,
    dieAt,
    sandbox = 'auto',
  }: RigOptions) {
    super(folder);
    this.death = new Death(dieAt);
    const clock = this.#clock;
    const log = logUntil(() => this.#closed);
    const logFiles = createLogFiles({ folder: join(folder, 'logs') });
    this.loop = createReconcileLoop({ store: this.store, clock, log });
    this.backend = createSandboxBackend({
      folder,
      cacheFolder: join(folder, 'cache'),
      blobs: this.blobs,
      clock,
      settings: { sandbox },
      log,
      locateRuntime: (name) =>
        name === 'node' ? locateWorkRuntime(name) : { folders: [], environment: { PATH: '/usr/bin:/bin' } },
    });
    const { death, store, backend } = this;
    this.#room = createFunctionsRoom({
      store: { ...store, commit: death.until((commit) => store.commit(commit)) },
      blobs: this.blobs,
      calls: this.calls,
      clock,
      ids: systemIds,
      log,
      loop: this.loop,
      backend: Object.assign(Object.create(backend) as SandboxBackend, {
        start: death.until((spec: WorkSpec) => backend.start(spec)),
        stop: death.until((id: string) => backend.stop(id)),
        release: death.until((id: string) => backend.release(id)),
        // the class keeps its state to itself
        status: (id: string) => backend.status(id),
        onChange: (listener: (id: string) => void) => backend.onChange(listener),
        ask: (id: string, asked: WorkRequest) => backend.ask(id, asked),
      }),
      logFiles,
      admission: createAdmission({ capacity: { cpus: 2, memoryMiB: 4096 } }),
      roles: GRANTED_ROLES,
      workCredentials: {
        environment: async (access) => {
          this.accesses.push(access);
          return {};
        },
      },
      settings: { sandbox },
      runtimes: { version: () => '3.0' },
      sealingKey: 'key',
      serverUrl: () => 'http://127.0.0.1:1',
      retryDelaysMs: [1, 1],
      ...(idleMs !== undefined && { idleMs }),
    });
    this.#notices = createNoticesRoom({
      store: this.store,
      calls: this.calls,
      clock,
      roles: { assume: () => assert.fail('what a function tells goes with a session it has') },
    });
    this.open([this.#room, createLogsRoom({ store: this.store, files: logFiles, clock }), this.#notices]);
  }

  static async start(options: RigOptions = {}): Promise<FunctionsRig> {
    const rig = new FunctionsRig(options);
    rig.loop.register([rig.#room, rig.#notices].flatMap(({ reconcilers = [] }) => reconcilers));
    rig.loop.register([createTokenReconciler(rig.store, rig.#clock)]);
    await rig.#room.start?.();
    await rig.loop.start();
    return rig;
  }

  /** As `kill -9` would: memory is gone, environments are not told. */
  async abandon(): Promise<string> {
    const stopped = this.loop.stop();
    if (!this.death.isDead) await stopped; // what a dead one has under way never ends
    await this.death.settled();
    this.#closed = true;
    this.#clock.stop();
    this.backend.close();
    await this.blobs.stop();
    await this.store.close();
    return this.folder;
  }

  /** As SIGTERM. */
  async stop(): Promise<string> {
    await this.loop.stop();
    await this.#room.stop?.();
    return this.abandon();
  }

  override async close(): Promise<void> {
    rmSync(await this.stop(), { recursive: true, force: true });
  }

  create(FunctionName: string, code: string, more: { Timeout?: number; MemorySize?: number } = {}) {
    return this.call('lambda:CreateFunction', {
      FunctionName,
      Runtime: 'python3.12',
      Handler: 'app.handler',
      Role: ROLE,
      Code: { ZipFile: zipOf({ 'app.py': code }) },
      Timeout: 20,
      ...more,
    });
  }

  async invoke(
    FunctionName: string,
    event?: unknown,
    more: Partial<InvocationRequest> & WithRequestId & WithSource = {},
    principal = user('admin'),
  ): Promise<{ status: number | undefined; error: string | undefined; result: unknown }> {
    const input = { FunctionName, ...(event !== undefined && { Payload: Buffer.from(JSON.stringify(event)) }), ...more };
    const { StatusCode, FunctionError, Payload } = await this.call('lambda:Invoke', input, principal);
    const text = Buffer.from(Payload ?? []).toString('utf8');
    return { status: StatusCode, error: FunctionError, result: text === '' ? undefined : JSON.parse(text) };
  }

  /** Asks for a recorded invocation until it has ended. */
  async ended(FunctionName: string, RequestId = RUN_ID): Promise<{ error: string | undefined; result: unknown }> {
    for (;;) {
      const { status, error, result } = await this.invoke(FunctionName, undefined, { RequestId, Begin: false });
      if (status === 200) return { error, result };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** A zip file of some texts. */
export function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const program = `
import io, json, sys, zipfile
made = io.BytesIO(); archive = zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED)
for name, text in json.load(sys.stdin).items(): archive.writestr(name, text)
archive.close(); sys.stdout.buffer.write(made.getvalue())`;
  return execFileSync('python3', ['-c', program], { input: JSON.stringify(files) });
}
