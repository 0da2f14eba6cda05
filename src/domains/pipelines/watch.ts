import type { Subscription } from '../../platform/calls/operation.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import { EXECUTION_RECONCILER } from './resources.ts';
import { JOB_KINDS } from './step-kinds.ts';

interface Watched {
  readonly key: ResourceKey;
  readonly step: number;
}

interface Watcher {
  readonly arns: Set<string>;
  readonly changed: Set<number>;
}

const ENDED = new Set<unknown>(['Completed', 'Failed', 'Stopped']);

/**
 * Which execution waits for which job. Only a hint in memory, so that the end of one job makes its execution look at that job and at no
 * other; after a restart every unsettled execution looks at all of its jobs.
 */
export class Watch {
  readonly #jobs = new Map<string, Watched>();
  readonly #watchers = new Map<string, Watcher>();
  readonly subscriptions: readonly Subscription[];

  constructor() {
    this.subscriptions = Object.values(JOB_KINDS).map(({ stateChange, statusMember }) => ({
      detailType: stateChange,
      wakes: ({ resources, detail }) => {
        const status = detail[statusMember];
        if (status !== undefined && !ENDED.has(status)) return [];
        return resources.flatMap((arn) => this.#changed(arn));
      },
    }));
  }

  add(arn: string, key: ResourceKey, step: number): void {
    const id = arn.toLowerCase();
    this.#jobs.set(id, { key, step });
    this.#watcherOf(key).arns.add(id);
  }

  remove(arn: string): void {
    const id = arn.toLowerCase();
    const watched = this.#jobs.get(id);
    this.#jobs.delete(id);
    if (watched) this.#watchers.get(keyText(watched.key))?.arns.delete(id);
  }

  /** The steps whose job ended since the last question. */
  take(key: ResourceKey): number[] {
    const watcher = this.#watchers.get(keyText(key));
    const steps = [...(watcher?.changed ?? [])];
    watcher?.changed.clear();
    return steps;
  }

  forget(key: ResourceKey): void {
    const watcher = this.#watchers.get(keyText(key));
    for (const arn of watcher?.arns ?? []) this.#jobs.delete(arn);
    this.#watchers.delete(keyText(key));
  }

  #changed(arn: string): { reconciler: string; key: ResourceKey }[] {
    const watched = this.#jobs.get(arn.toLowerCase());
    if (!watched) return [];
    this.#watcherOf(watched.key).changed.add(watched.step);
    return [{ reconciler: EXECUTION_RECONCILER, key: watched.key }];
  }

  #watcherOf(key: ResourceKey): Watcher {
    const id = keyText(key);
    let watcher = this.#watchers.get(id);
    if (!watcher) {
      watcher = { arns: new Set(), changed: new Set() };
      this.#watchers.set(id, watcher);
    }
    return watcher;
  }
}
