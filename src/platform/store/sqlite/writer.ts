import { Worker } from 'node:worker_threads';
import type { Clock } from '../../clock.ts';
import { BackendError, InvariantError } from '../../errors/families.ts';
import type { Commit, CommitResult } from '../port.ts';
import { type EncodedCommit, encodeCommit, type Outcome } from './encoded-commit.ts';
import type { WriterAnswer, WriterRequest } from './writer-thread.ts';

/** The main thread's side of the writer: queue, batches, and what callers hear when the thread is stuck or gone. */
export interface Writer {
  submit(commit: Commit): Promise<CommitResult>;
  /** Removes old events in bounded steps between batches; resolves with how many went. */
  pruneEvents(beforeMs: number): Promise<number>;
  /** Writes what is queued, then ends the thread. */
  close(): Promise<void>;
}

export interface WriterOptions {
  readonly path: string;
  /** Measures the disk, so it is the machine's clock even where the rest of the server runs on a virtual one. */
  readonly diskClock: Clock;
  /** In commit order, once durable (or, after a crash of the thread, possibly durable), before the caller hears. */
  readonly onDurable: (commit: Commit) => void;
}

interface Pending {
  readonly commit: Commit;
  readonly encoded: EncodedCommit;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: Error) => void;
}
interface PruneStep {
  readonly beforeMs: number;
  readonly resolve: (pruned: number) => void;
  readonly reject: (error: Error) => void;
}

const BATCH_COMMITS_MAX = 256;
const BATCH_CHARS_MAX = 8 * 1024 * 1024;
/** A batch without an answer for so long makes its commits `unknown`. */
const STUCK_AFTER_MS = 30_000;
const PRUNE_STEP_ROWS = 500;
/** A thread that dies again and again is given up: each restart would only lose another batch. */
const CRASHES_MAX = 5;
/** The old generation holds one batch and its parameters; the young one is kept small because it counts in full. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 2, stackSizeMb: 2 };

export function createWriter(options: WriterOptions): Writer {
  return new ThreadWriter(options);
}

class ThreadWriter implements Writer {
  readonly #options: WriterOptions;
  #worker: Worker;
  #queue: Pending[] = [];
  #prune: PruneStep | undefined;
  #inFlight: { readonly batch: readonly Pending[] | PruneStep; cancelWatch: () => void } | undefined;
  #scheduled = false;
  #stuck = false;
  #crashes = 0;
  #broken: string | undefined;
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#worker = this.#startThread();
  }

  submit(commit: Commit): Promise<CommitResult> {
    const encoded = encodeCommit(commit);
    const refusal = this.#refusal();
    if (refusal) return Promise.reject(refusal);
    const { promise, resolve, reject } = Promise.withResolvers<CommitResult>();
    this.#queue.push({ commit, encoded, resolve, reject });
    this.#schedule();
    return promise;
  }

  pruneEvents(beforeMs: number): Promise<number> {
    if (this.#prune || this.#refusal()) return Promise.resolve(0);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#prune = { beforeMs, resolve, reject };
    this.#schedule();
    return promise;
  }

  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = Promise.withResolvers<void>();
      if (this.#broken || this.#stuck) this.#terminate();
      else this.#schedule();
    }
    return this.#closing.promise;
  }

  #refusal(): Error | undefined {
    if (this.#closing) return new BackendError('storage', 'The server is stopping; nothing was changed.', { retryable: true });
    if (this.#broken) return new BackendError('storage', `The store cannot write: ${this.#broken}. Nothing was changed.`);
    if (this.#stuck) return new BackendError('storage', 'The disk does not answer; nothing was changed.', { retryable: true });
    return undefined;
  }

  /** In a microtask, so that commits of one tick share a batch. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#inFlight) this.#send();
    });
  }

  #send(): void {
    if (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      this.#post(batch, { commits: batch.map(({ encoded }) => encoded) });
    } else if (this.#prune) {
      this.#post(this.#prune, { pruneBeforeMs: this.#prune.beforeMs, limit: PRUNE_STEP_ROWS });
    } else if (this.#closing) {
      this.#worker.postMessage({ close: true } satisfies WriterRequest);
    }
  }

  #takeBatch(): Pending[] {
    let chars = 0;
    let count = 0;
    for (const { encoded } of this.#queue) {
      chars += encoded.sizeChars;
      if (count === BATCH_COMMITS_MAX || (count > 0 && chars > BATCH_CHARS_MAX)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  #post(batch: readonly Pending[] | PruneStep, request: WriterRequest): void {
    const { diskClock } = this.#options;
    this.#inFlight = { batch, cancelWatch: diskClock.at(diskClock.now() + STUCK_AFTER_MS, () => this.#onStuck()) };
    this.#worker.postMessage(request);
  }

  #startThread(): Worker {
    const worker = new Worker(new URL('writer-thread.ts', import.meta.url), {
      name: 'store-writer',
      workerData: { path: this.#options.path },
      resourceLimits: THREAD_LIMITS,
    });
    worker.on('message', (answer: WriterAnswer) => this.#onAnswer(answer));
    let problem = 'the writer thread ended';
    worker.on('error', (error) => {
      problem = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', () => this.#onExit(problem));
    return worker;
  }

  #onAnswer(answer: WriterAnswer): void {
    const inFlight = this.#inFlight;
    if (!inFlight) throw new InvariantError('the writer thread answers only what it was asked');
    inFlight.cancelWatch();
    this.#inFlight = undefined;
    this.#stuck = false;
    this.#crashes = 0;
    // the next batch leaves before this one's callers run: the disk works while they do
    if (this.#queue.length > 0) this.#send();
    if ('beforeMs' in inFlight.batch) this.#afterPrune(inFlight.batch, answer);
    else this.#settle(inFlight.batch, answer);
    if (!this.#inFlight) this.#schedule();
  }

  #settle(batch: readonly Pending[], answer: WriterAnswer): void {
    if (!('outcomes' in answer)) {
      const problem = 'failure' in answer ? answer.failure : 'unexpected answer';
      const error = new BackendError('storage', `The store could not write: ${problem}. Nothing was changed.`, {
        retryable: true,
      });
      for (const pending of batch) pending.reject(error);
      return;
    }
    batch.forEach(({ commit }, position) => {
      if (answer.outcomes[position]?.outcome === 'done') this.#options.onDurable(commit);
    });
    batch.forEach((pending, position) => {
      settleOne(pending, answer.outcomes[position]);
    });
  }

  #afterPrune(step: PruneStep, answer: WriterAnswer): void {
    this.#prune = undefined;
    if (!('pruned' in answer)) {
      const problem = 'failure' in answer ? answer.failure : 'unexpected answer';
      step.reject(new BackendError('storage', `Old events could not be removed: ${problem}.`, { retryable: true }));
      return;
    }
    if (answer.pruned < PRUNE_STEP_ROWS || this.#closing) {
      step.resolve(answer.pruned);
      return;
    }
    // further steps queue behind the commits that wait now
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    promise.then((more) => step.resolve(answer.pruned + more), step.reject);
    this.#prune = { beforeMs: step.beforeMs, resolve, reject };
  }

  #onStuck(): void {
    this.#stuck = true;
    const queued = this.#queue.splice(0);
    for (const pending of queued) pending.reject(this.#refusal() as Error);
    if (this.#inFlight && !('beforeMs' in this.#inFlight.batch)) {
      for (const { resolve } of this.#inFlight.batch) resolve({ outcome: 'unknown', reason: 'the disk does not answer' });
    }
    if (this.#closing) this.#terminate();
  }

  #onExit(problem: string): void {
    const inFlight = this.#inFlight;
    this.#inFlight = undefined;
    inFlight?.cancelWatch();
    if (inFlight && 'beforeMs' in inFlight.batch) {
      this.#prune = undefined;
      inFlight.batch.resolve(0);
    } else if (inFlight) {
      const batch = inFlight.batch as readonly Pending[];
      for (const { commit } of batch) this.#options.onDurable(commit);
      for (const { resolve } of batch) resolve({ outcome: 'unknown', reason: `the writer thread ended: ${problem}` });
    }
    if (this.#closing && this.#queue.length === 0) {
      this.#closing.resolve();
      return;
    }
    this.#crashes += 1;
    if (this.#crashes > CRASHES_MAX) {
      this.#broken = problem;
      for (const pending of this.#queue.splice(0)) pending.reject(this.#refusal() as Error);
      this.#closing?.resolve();
      return;
    }
    this.#stuck = false;
    this.#worker = this.#startThread();
    this.#schedule();
  }

  #terminate(): void {
    for (const pending of this.#queue.splice(0)) pending.reject(this.#refusal() as Error);
    this.#worker.terminate().then(
      () => this.#closing?.resolve(),
      () => this.#closing?.resolve(),
    );
  }
}

function settleOne(pending: Pending, outcome: Outcome | undefined): void {
  if (outcome?.outcome === 'done') pending.resolve(outcome);
  else if (outcome?.outcome === 'conflict') {
    const keys = outcome.positions.flatMap((position) => pending.commit.expect[position]?.key ?? []);
    pending.resolve({ outcome: 'conflict', keys });
  } else pending.reject(new InvariantError(`a commit fits the schema: ${outcome?.problem ?? 'no outcome'}`));
}
