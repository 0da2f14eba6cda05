import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import type { WorkEnd } from '../../platform/ports/work.ts';
import { Bootstraps } from './bootstraps.ts';
import { REPLACE_AFTER_MS } from './decide-work.ts';
import type { FunctionsPorts } from './ports.ts';
import { ENVIRONMENT_RECONCILER, type EnvironmentDocument } from './resources.ts';
import type { Runnable } from './runnable.ts';
import { nameEnvironment, type NewEnvironment, startEnvironment } from './start-environment.ts';

/** Lambda keeps an environment for some minutes. */
export const IDLE_MS = 5 * 60_000;
/** Processes at a time, of one function and in all: a host is smaller than a region. */
const PER_FUNCTION_MAX = 4;
const ALL_MAX = 16;
/** An invocation that finds all environments busy waits so long for one, then it is throttled. */
const WAIT_MS = 60_000;
/** What a larger function may use is limited all the same; this much of it is set aside. */
const RESERVED_MIB_MAX = 512;

/** An environment as this process knows it; its row is the truth, all this is lost with the process. */
export interface Environment extends NewEnvironment {
  /** `found`: of an earlier process of the server, not asked yet. `ending`: of no more use. */
  status: 'busy' | 'idle' | 'found' | 'ending';
  /** Its handler's module was seen loaded. */
  ready: boolean;
  usedAtMs: number;
  /** The request id of the recorded invocation that runs in it. */
  claimedBy?: string;
  readonly ended: Promise<WorkEnd>;
  readonly settleEnd: (end: WorkEnd) => void;
}

interface Waiter {
  readonly runnable: Runnable;
  readonly give: (environment: Environment) => void;
  readonly refuse: (error: unknown) => void;
}

/** The environments of all functions: made on demand, kept warm, given to one invocation at a time. */
export class Environments {
  readonly #ports: FunctionsPorts;
  readonly #bootstraps: Bootstraps;
  readonly #all = new Map<string, Environment>();
  /** By function, oldest first. */
  readonly #waiting = new Map<string, Waiter[]>();
  #stopping = false;

  constructor(ports: FunctionsPorts) {
    this.#ports = ports;
    this.#bootstraps = new Bootstraps(ports.blobs);
    ports.admission.onAdmitted(() => this.serveAll());
  }

  get idleMs(): number {
    return this.#ports.idleMs ?? IDLE_MS;
  }

  find(key: ResourceKey): Environment | undefined {
    return this.#all.get(keyText(key));
  }

  byWorkId(workId: string): Environment | undefined {
    return [...this.#all.values()].find(({ document }) => document.workId === workId);
  }

  all(): Environment[] {
    return [...this.#all.values()];
  }

  /** Takes over what an earlier process of the server started. */
  adopt(key: ResourceKey, document: EnvironmentDocument): Environment {
    this.#reserve(document);
    return this.#know({ key, document }, document.ending ? 'ending' : 'found');
  }

  #know(environment: NewEnvironment, status: Environment['status']): Environment {
    const { promise: ended, resolve: settleEnd } = Promise.withResolvers<WorkEnd>();
    const known: Environment = { ...environment, status, ready: false, usedAtMs: this.#ports.clock.now(), ended, settleEnd };
    this.#all.set(keyText(environment.key), known);
    return known;
  }

  /**
   * An environment of the function for one invocation, made when none is free. Throws TooManyRequestsException when none gets
   * free in time, and whatever keeps a new one from starting.
   */
  async acquire(runnable: Runnable): Promise<Environment> {
    if (runnable.concurrency === 0) throw throttled('ReservedFunctionConcurrentInvocationLimitExceeded');
    const id = keyText(runnable.key);
    const { promise, resolve: give, reject: refuse } = Promise.withResolvers<Environment>();
    const waiter = { runnable, give, refuse };
    const queue = this.#waiting.get(id) ?? [];
    this.#waiting.set(id, queue);
    queue.push(waiter);
    const { clock } = this.#ports;
    const cancel = clock.at(clock.now() + WAIT_MS, () => {
      if (!this.#leave(waiter)) return;
      refuse(throttled('ConcurrentInvocationLimitExceeded'));
    });
    this.#serve(id);
    try {
      return await promise;
    } finally {
      cancel();
    }
  }

  #leave(waiter: Waiter): boolean {
    const queue = this.#waiting.get(keyText(waiter.runnable.key)) ?? [];
    const at = queue.indexOf(waiter);
    if (at >= 0) queue.splice(at, 1);
    return at >= 0;
  }

  /** After an invocation: back to those that wait, or away. */
  release(environment: Environment, reusable: boolean): void {
    const { clock } = this.#ports;
    delete environment.claimedBy;
    environment.usedAtMs = clock.now();
    // an idle one keeps nothing: jobs must not wait for what is only kept warm
    this.#ports.admission.release(environment.document.workId);
    if (environment.status === 'ending') return;
    const old = clock.now() - environment.document.createdAtMs > REPLACE_AFTER_MS;
    if (!reusable || old || this.#stopping) {
      this.discard(environment);
      return;
    }
    environment.status = 'idle';
    this.#ports.loop.wake(ENVIRONMENT_RECONCILER, environment.key); // it looks when this one has been idle for too long
    this.serveAll();
  }

  /** Of no more use; the reconciler ends its process. */
  discard(environment: Environment): void {
    environment.status = 'ending';
    this.#ports.loop.wake(ENVIRONMENT_RECONCILER, environment.key);
    this.serveAll();
  }

  /** Its process is gone. From here on no invocation gets it, however long its row stays. */
  noteGone(key: ResourceKey, end: WorkEnd): void {
    const environment = this.find(key);
    environment?.settleEnd(end);
    // one that is busy is released by its invocation
    if (environment && environment.status !== 'busy') environment.status = 'ending';
  }

  /** Its process ended and its row is gone. */
  forget(key: ResourceKey): void {
    const environment = this.find(key);
    this.#all.delete(keyText(key));
    if (environment) this.#ports.admission.release(environment.document.workId);
    this.serveAll();
  }

  /** Those that a changed or deleted function leaves idle are not needed any more. */
  retire(
    functionName: string,
    place: Pick<ResourceKey, 'account' | 'region'>,
    stays: (fingerprint: string, version: string) => boolean,
  ): void {
    for (const environment of this.all()) {
      const { key, document, status } = environment;
      const same = document.functionName === functionName && key.account === place.account && key.region === place.region;
      if (same && status === 'idle' && !stays(document.fingerprint, document.version)) this.discard(environment);
    }
  }

  /** Nothing is started any more; returns what may be ended: a recorded invocation goes on without the server. */
  stop(all: boolean): Environment[] {
    this.#stopping = true;
    return this.all().filter(({ claimedBy }) => all || claimedBy === undefined);
  }

  /** Looks again at all that wait. */
  serveAll(): void {
    for (const id of this.#waiting.keys()) this.#serve(id);
  }

  /** Gives those that wait for a function what is free of it, and makes what may be made. */
  #serve(id: string): void {
    const queue = this.#stopping ? undefined : this.#waiting.get(id);
    while (queue?.[0]) {
      const [waiter] = queue as [Waiter];
      const free = this.#freeOf(waiter.runnable);
      if (!free && (this.#mayComeFree(waiter.runnable) || !this.#makeRoom(waiter.runnable))) return;
      queue.shift();
      if (free) {
        free.status = 'busy';
        this.#reserve(free.document);
        waiter.give(free);
      } else this.#make(waiter);
    }
    this.#waiting.delete(id);
  }

  #of(runnable: Runnable): Environment[] {
    const prefix = `${runnable.key.name}/`;
    return this.all().filter(
      ({ key, status }) =>
        status !== 'ending' &&
        key.account === runnable.key.account &&
        key.region === runnable.key.region &&
        key.name.startsWith(prefix),
    );
  }

  #freeOf(runnable: Runnable): Environment | undefined {
    const idle = this.#of(runnable).filter(({ status }) => status === 'idle');
    // the one used last: the others may grow old
    return idle
      .filter(({ document }) => document.fingerprint === runnable.fingerprint)
      .sort((a, b) => b.usedAtMs - a.usedAtMs)[0];
  }

  /** One of an earlier process of the server that is just being asked how it is. */
  #mayComeFree(runnable: Runnable): boolean {
    return this.#of(runnable).some(({ status, document }) => status === 'found' && document.fingerprint === runnable.fingerprint);
  }

  /** Whether one more may be started, at the cost of idle ones where it has to be. */
  #makeRoom(runnable: Runnable): boolean {
    const own = this.#of(runnable);
    const most = Math.min(PER_FUNCTION_MAX, runnable.concurrency ?? PER_FUNCTION_MAX);
    if (own.length >= most && !this.#dropIdle(own)) return false;
    const all = this.all().filter(({ status }) => status !== 'ending');
    return all.length < ALL_MAX || this.#dropIdle(all);
  }

  #dropIdle(among: readonly Environment[]): boolean {
    const oldest = among.filter(({ status }) => status === 'idle').sort((a, b) => a.usedAtMs - b.usedAtMs)[0];
    if (!oldest) return false;
    oldest.status = 'ending';
    this.#ports.loop.wake(ENVIRONMENT_RECONCILER, oldest.key);
    return true;
  }

  /** Counted, not queued: it is small, there are few, and a function must not wait for a job that waits for the function. */
  #reserve({ workId, memoryMiB }: EnvironmentDocument): void {
    this.#ports.admission.restore(workId, { cpus: 0, memoryMiB: Math.min(memoryMiB, RESERVED_MIB_MAX) });
  }

  #make({ runnable, give, refuse }: Waiter): void {
    const { clock } = this.#ports;
    const environment = this.#know(nameEnvironment(this.#ports, runnable), 'busy');
    const { createdAtMs } = environment.document;
    this.#reserve(environment.document);
    startEnvironment(this.#ports, this.#bootstraps, runnable, environment, createdAtMs + this.idleMs).then(
      () => give(environment),
      (error: unknown) => {
        if (!(error instanceof BackendError) && !(error instanceof ServiceError)) {
          this.#ports.log.error({ function: runnable.name, err: error }, 'An environment could not be started.');
        }
        environment.usedAtMs = clock.now();
        this.discard(environment);
        refuse(error);
      },
    );
  }
}

const throttled = (Reason: string): ServiceError => new ServiceError('TooManyRequestsException', 'Rate Exceeded.', { Reason });
