import { type FSWatcher, watch } from 'node:fs';
import type { RunFolders } from './run-folder.ts';
import type { SandboxLog } from './sandbox-options.ts';

/** How often supervisors are looked for that vanished without a record; everything else is notified. */
const LIVENESS_MS = 5_000;
/** Where not even notification works, e.g. because the user's inotify instances are used up. */
const LIVENESS_UNWATCHED_MS = 500;

/** Tells that the records of a run may have changed: by notification of the file system, and by a slow look at the living. */
export class RunWatch {
  readonly #runs: RunFolders;
  readonly #log: SandboxLog;
  readonly #watcher: FSWatcher | undefined;
  readonly #listeners = new Set<(id: string) => void>();
  /** Work that has not been seen ended. */
  readonly #live = new Set<string>();
  #livenessMs = LIVENESS_MS;
  #cancelLiveness: (() => void) | undefined;

  constructor(runs: RunFolders, log: SandboxLog) {
    this.#runs = runs;
    this.#log = log;
    this.#watcher = this.#watchRecords();
  }

  /** Records appear whole, by one rename each. A host without watches left is looked at instead. */
  #watchRecords(): FSWatcher | undefined {
    const lookOften = (error: unknown) => {
      this.#log.warn({ err: error }, 'the ends of jobs cannot be watched on this host; they are looked for twice a second');
      this.#livenessMs = LIVENESS_UNWATCHED_MS;
    };
    try {
      const watcher = watch(this.#runs.records, { persistent: false }, (_, name) => {
        const id = /^(.+)\.(?:started|ended)$/.exec(name ?? '')?.[1];
        if (id !== undefined && this.#live.has(id)) this.tell(id);
      });
      return watcher.on('error', lookOften);
    } catch (error) {
      lookOften(error);
      return undefined;
    }
  }

  onChange(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }

  watchOver(id: string): void {
    this.#live.add(id);
    if (this.#cancelLiveness) return;
    const timer = setInterval(() => this.#checkLiveness(), this.#livenessMs);
    timer.unref();
    this.#cancelLiveness = () => clearInterval(timer);
  }

  /** The end of a run has been seen. */
  forget(id: string): void {
    this.#live.delete(id);
  }

  close(): void {
    this.#watcher?.close();
    this.#cancelLiveness?.();
  }

  #checkLiveness(): void {
    for (const id of this.#live) {
      if (this.#runs.supervisor(id) === 'gone' || this.#runs.ended(id)) this.tell(id);
    }
  }
}
