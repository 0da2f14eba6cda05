import type { Subscription } from '../../platform/calls/operation.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import { EXECUTION_RECONCILER } from './resources.ts';
import { STEP_KINDS } from './steps/table.ts';

interface Watched {
  readonly key: ResourceKey;
  readonly step: number;
}

interface Watcher {
  readonly ids: Set<string>;
  readonly changed: Set<number>;
}

/**
 * Which execution waits for the end of what (a job by its ARN, see `StepEnd`). Only a hint in memory, so that the end of one job makes its
 * execution look at that job and at no other; after a restart every unsettled execution looks at all of its steps.
 */
export class Watch {
  /** Several executions may wait for one endpoint. */
  readonly #awaited = new Map<string, Watched[]>();
  readonly #watchers = new Map<string, Watcher>();
  readonly subscriptions: readonly Subscription[];

  constructor() {
    this.subscriptions = Object.values(STEP_KINDS).flatMap(({ end }) =>
      end ? [{ detailType: end.detailType, wakes: (event) => end.ended(event).flatMap((id) => this.#changed(id)) }] : [],
    );
  }

  add(name: string, key: ResourceKey, step: number): void {
    const id = name.toLowerCase();
    const others = (this.#awaited.get(id) ?? []).filter((watched) => !isOf(watched, key, step));
    this.#awaited.set(id, [...others, { key, step }]);
    this.#watcherOf(key).ids.add(id);
  }

  remove(name: string, key: ResourceKey, step: number): void {
    const id = name.toLowerCase();
    const others = this.#drop(id, key, step);
    if (!others.some((watched) => isOf(watched, key))) this.#watchers.get(keyText(key))?.ids.delete(id);
  }

  /** The steps whose end was told since the last question. */
  take(key: ResourceKey): number[] {
    const watcher = this.#watchers.get(keyText(key));
    const steps = [...(watcher?.changed ?? [])];
    watcher?.changed.clear();
    return steps;
  }

  forget(key: ResourceKey): void {
    const watcher = this.#watchers.get(keyText(key));
    for (const id of watcher?.ids ?? []) this.#drop(id, key);
    this.#watchers.delete(keyText(key));
  }

  #changed(name: string): { reconciler: string; key: ResourceKey }[] {
    return (this.#awaited.get(name.toLowerCase()) ?? []).map(({ key, step }) => {
      this.#watcherOf(key).changed.add(step);
      return { reconciler: EXECUTION_RECONCILER, key };
    });
  }

  /** Who still waits for it. */
  #drop(id: string, key: ResourceKey, step?: number): Watched[] {
    const others = (this.#awaited.get(id) ?? []).filter((watched) => !isOf(watched, key, step));
    if (others.length > 0) this.#awaited.set(id, others);
    else this.#awaited.delete(id);
    return others;
  }

  #watcherOf(key: ResourceKey): Watcher {
    const id = keyText(key);
    let watcher = this.#watchers.get(id);
    if (!watcher) {
      watcher = { ids: new Set(), changed: new Set() };
      this.#watchers.set(id, watcher);
    }
    return watcher;
  }
}

const isOf = (watched: Watched, key: ResourceKey, step?: number): boolean =>
  keyText(watched.key) === keyText(key) && (step === undefined || watched.step === step);
