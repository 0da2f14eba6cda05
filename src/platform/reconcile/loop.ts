import type { Subscription } from '../calls/operation.ts';
import type { Clock } from '../clock.ts';
import { BackendError, InvariantError, invariant } from '../errors/families.ts';
import type { Log } from '../log.ts';
import { keyText, type ResourceKey } from '../resource-key.ts';
import type { Commit, Store, Timer } from '../store/port.ts';
import type { ReconcileLoop, Reconciler } from './port.ts';
import { createSchedule } from './schedule.ts';

export interface ReconcileLoopOptions {
  readonly store: Pick<Store, 'onCommitted' | 'timers'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Keys reconciled at the same time. One reconciler takes at most three quarters, so that no room starves another. */
  readonly parallel?: number;
}

/** The loop as `main` sees it: rooms only wake. */
export interface RunnableLoop extends ReconcileLoop {
  register(reconcilers: readonly Reconciler[]): void;
  subscribe(subscriptions: readonly Subscription[]): void;
  /** Wakes what is due and arms the rest. Everything must be registered before. */
  start(): Promise<void>;
  /** Starts nothing more and waits for what runs. */
  stop(): Promise<void>;
  /** Resolves when nothing runs or waits to run; what is armed for later does not count. */
  idle(): Promise<void>;
}

interface Task {
  readonly id: string;
  readonly reconciler: Reconciler;
  readonly key: ResourceKey;
  /** `resting`: known only for its failures or its place in a schedule. */
  status: 'queued' | 'running' | 'resting';
  /** Woken while running: run once more. */
  again: boolean;
  failures: number;
}

interface Lane {
  readonly queue: Task[];
  running: number;
}

const TIMERS_PAGE = 1_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_CAP_MS = 60_000;
/**
 * The timer rows are read again now and then: what is due beyond the horizon is not held in memory until then, and a
 * wake-up lost by any mistake heals without a restart.
 */
const RESYNC_EVERY_MS = 10 * 60_000;
const HORIZON_MS = 2 * RESYNC_EVERY_MS;

export function createReconcileLoop(options: ReconcileLoopOptions): RunnableLoop {
  return new Loop(options);
}

class Loop implements RunnableLoop {
  readonly #options: ReconcileLoopOptions;
  readonly #parallel: number;
  readonly #perLane: number;
  readonly #reconcilers = new Map<string, Reconciler>();
  readonly #subscriptions = new Map<string, Subscription[]>();
  readonly #tasks = new Map<string, Task>();
  readonly #quarantined = new Set<string>();
  /** One lane per reconciler, served in turn: `Map` keeps their order, a served lane goes to the end. */
  readonly #lanes = new Map<string, Lane>();
  /** Durable deadlines and retries are apart: clearing a timer row must not take a retry away. */
  readonly #timers: ReturnType<typeof createSchedule>;
  readonly #retries: ReturnType<typeof createSchedule>;
  readonly #unknown = new Set<string>();
  #running = 0;
  #started = false;
  #stopped = false;
  #unsubscribe = () => {};
  #cancelResync = () => {};
  /** While timers are loaded: ids whose timers changed meanwhile; the rows read may be older. */
  #changedWhileLoading: Set<string> | undefined;
  #idleWaiters: (() => void)[] = [];

  constructor(options: ReconcileLoopOptions) {
    this.#options = options;
    this.#parallel = options.parallel ?? 32;
    this.#perLane = Math.max(1, Math.ceil(this.#parallel * 0.75));
    this.#timers = createSchedule(options.clock, (id) => this.#wakeId(id));
    this.#retries = createSchedule(options.clock, (id) => this.#wakeId(id));
  }

  register(reconcilers: readonly Reconciler[]): void {
    for (const reconciler of reconcilers) {
      invariant(!this.#reconcilers.has(reconciler.name), 'a reconciler is registered once', { reconciler: reconciler.name });
      this.#reconcilers.set(reconciler.name, reconciler);
      this.#lanes.set(reconciler.name, { queue: [], running: 0 });
    }
  }

  subscribe(subscriptions: readonly Subscription[]): void {
    for (const subscription of subscriptions) {
      const same = this.#subscriptions.get(subscription.detailType);
      if (same) same.push(subscription);
      else this.#subscriptions.set(subscription.detailType, [subscription]);
    }
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#options.store.onCommitted((commit) => this.#onCommitted(commit));
    this.#started = true;
    await this.#loadTimers();
    this.#armResync();
    this.#pump();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#cancelResync();
    this.#timers.stop();
    this.#retries.stop();
    for (const lane of this.#lanes.values()) lane.queue.length = 0;
    await this.idle();
  }

  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idleWaiters.push(resolve);
    return promise;
  }

  wake(reconciler: string, key: ResourceKey): void {
    const task = this.#taskOf(reconciler, key);
    if (task) this.#wakeTask(task);
  }

  #isIdle(): boolean {
    return this.#running === 0 && [...this.#lanes.values()].every((lane) => lane.queue.length === 0);
  }

  #taskOf(name: string, key: ResourceKey): Task | undefined {
    const reconciler = this.#reconcilers.get(name);
    if (!reconciler) {
      // a timer of a version that knew this reconciler: kept in the store, said once
      if (!this.#unknown.has(name))
        this.#options.log.error({ reconciler: name, key }, 'No reconciler of this name; its work waits.');
      this.#unknown.add(name);
      return undefined;
    }
    const id = `${name}|${keyText(key)}`;
    let task = this.#tasks.get(id);
    if (!task) {
      task = { id, reconciler, key, status: 'resting', again: false, failures: 0 };
      this.#tasks.set(id, task);
    }
    return task;
  }

  #wakeId(id: string): void {
    const task = this.#tasks.get(id);
    if (task) this.#wakeTask(task);
  }

  #wakeTask(task: Task): void {
    if (this.#stopped || this.#quarantined.has(task.id)) return;
    if (task.status === 'running') task.again = true;
    if (task.status !== 'resting') return;
    task.status = 'queued';
    this.#retries.clear(task.id);
    this.#lanes.get(task.reconciler.name)?.queue.push(task);
    this.#pump();
  }

  /** Starts what may run, taking the lanes in turn; first come, first served within one. */
  #pump(): void {
    if (!this.#started || this.#stopped) return;
    for (let found = true; found && this.#running < this.#parallel; ) {
      found = false;
      for (const [name, lane] of [...this.#lanes]) {
        if (lane.queue.length === 0 || lane.running >= this.#perLane || this.#running >= this.#parallel) continue;
        found = true;
        this.#lanes.delete(name);
        this.#lanes.set(name, lane);
        void this.#run(lane, lane.queue.shift() as Task);
      }
    }
  }

  async #run(lane: Lane, task: Task): Promise<void> {
    task.status = 'running';
    task.again = false;
    lane.running += 1;
    this.#running += 1;
    let retryAtMs: number | undefined;
    try {
      retryAtMs = (await task.reconciler.reconcile(task.key))?.retryAtMs;
      task.failures = 0;
    } catch (error) {
      retryAtMs = this.#afterFailure(task, error);
    }
    lane.running -= 1;
    this.#running -= 1;
    this.#settle(task, retryAtMs);
  }

  #settle(task: Task, retryAtMs: number | undefined): void {
    task.status = 'resting';
    if (!this.#stopped) {
      // a wake-up during a run that failed may be of its own making: it waits for the retry
      if (task.again && task.failures === 0) this.#wakeTask(task);
      else if (retryAtMs !== undefined) this.#retries.set(task.id, retryAtMs);
      if (task.status === 'resting') this.#forget(task);
      this.#pump();
    }
    if (this.#isIdle()) for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /** Memory holds only tasks that wait for something. */
  #forget(task: Task): void {
    const waits = this.#timers.dueAtMs(task.id) !== undefined || this.#retries.dueAtMs(task.id) !== undefined;
    if (!waits && task.failures === 0) this.#tasks.delete(task.id);
  }

  #afterFailure(task: Task, error: unknown): number | undefined {
    const fields = { reconciler: task.reconciler.name, key: task.key, failures: task.failures + 1, err: error };
    if (error instanceof InvariantError) {
      this.#quarantined.add(task.id);
      this.#tasks.delete(task.id);
      this.#options.log.error(
        { ...fields, ids: error.ids },
        'A mistake of Slipway: this resource is left alone until the next start.',
      );
      return undefined;
    }
    task.failures += 1;
    const retryInMs = Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** Math.min(20, task.failures - 1));
    const expected = error instanceof BackendError && error.retryable;
    this.#options.log[expected ? 'warn' : 'error']({ ...fields, retryInMs }, 'Reconciling failed; it will be tried again.');
    return this.#options.clock.now() + retryInMs;
  }

  #onCommitted(commit: Commit): void {
    for (const { reconciler, key, dueAtMs } of commit.timers ?? []) this.#applyTimer(reconciler, key, dueAtMs);
    for (const event of commit.events ?? []) {
      if (event.put) continue; // a caller's own words are no news of a room
      for (const subscription of this.#subscriptions.get(event.detailType) ?? []) {
        try {
          for (const { reconciler, key } of subscription.wakes(event)) this.wake(reconciler, key);
        } catch (error) {
          this.#options.log.error(
            { detailType: event.detailType, err: error },
            'A subscription failed; its wake-up waits for the next timer.',
          );
        }
      }
    }
  }

  #applyTimer(reconciler: string, key: ResourceKey, dueAtMs: number | null): void {
    const task = this.#taskOf(reconciler, key);
    if (!task) return;
    this.#changedWhileLoading?.add(task.id);
    this.#armTimer(task, dueAtMs);
  }

  #armTimer(task: Task, dueAtMs: number | null): void {
    const nowMs = this.#options.clock.now();
    if (dueAtMs !== null && dueAtMs > nowMs && dueAtMs <= nowMs + HORIZON_MS) {
      this.#timers.set(task.id, dueAtMs);
      return;
    }
    this.#timers.clear(task.id);
    if (dueAtMs !== null && dueAtMs <= nowMs) this.#wakeTask(task);
    else if (task.status === 'resting') this.#forget(task);
  }

  async #loadTimers(): Promise<void> {
    this.#changedWhileLoading = new Set();
    let after: Timer | undefined;
    do {
      const timers = await this.#options.store.timers({ after, limit: TIMERS_PAGE });
      for (const { reconciler, key, dueAtMs } of timers) {
        const task = this.#taskOf(reconciler, key);
        const backsOff = task && this.#retries.dueAtMs(task.id) !== undefined;
        if (task && !backsOff && !this.#changedWhileLoading.has(task.id)) this.#armTimer(task, dueAtMs);
      }
      const last = timers.length === TIMERS_PAGE ? timers.at(-1) : undefined;
      after = last && last.dueAtMs <= this.#options.clock.now() + HORIZON_MS ? last : undefined;
    } while (after && !this.#stopped);
    this.#changedWhileLoading = undefined;
  }

  #armResync(): void {
    if (this.#stopped) return;
    const { clock, log } = this.#options;
    this.#cancelResync = clock.at(clock.now() + RESYNC_EVERY_MS, () => {
      this.#loadTimers()
        .catch((error: unknown) => log.warn({ err: error }, 'Timers could not be read again; the next round will.'))
        .finally(() => this.#armResync());
    });
  }
}
