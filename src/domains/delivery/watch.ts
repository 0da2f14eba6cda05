import type { Subscription } from '../../platform/calls/operation.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import { ACTION_KINDS } from './actions/table.ts';
import { EXECUTION_RECONCILER } from './resources.ts';

/**
 * Which executions wait for the end of what, by the external id that their action recorded. Only a hint in memory: after a restart every
 * unsettled execution is looked at once, and says again what it waits for.
 */
export class Watch {
  readonly #waiting = new Map<string, Map<string, ResourceKey>>();
  readonly #ids = new Map<string, Set<string>>();
  readonly subscriptions: readonly Subscription[];

  constructor() {
    const ends = new Map(Object.values(ACTION_KINDS).flatMap(({ end }) => (end ? [[end.detailType, end] as const] : [])));
    this.subscriptions = [...ends.values()].map(({ detailType, ids }) => ({
      detailType,
      wakes: (event) =>
        ids(event).flatMap((id) =>
          [...(this.#waiting.get(id)?.values() ?? [])].map((key) => ({ reconciler: EXECUTION_RECONCILER, key })),
        ),
    }));
  }

  /** From now on the execution waits for exactly these. */
  set(key: ResourceKey, ids: readonly string[]): void {
    const text = keyText(key);
    for (const id of this.#ids.get(text) ?? []) {
      const waiting = this.#waiting.get(id);
      waiting?.delete(text);
      if (waiting?.size === 0) this.#waiting.delete(id);
    }
    this.#ids.delete(text);
    if (ids.length === 0) return;
    this.#ids.set(text, new Set(ids));
    for (const id of ids) {
      const waiting = this.#waiting.get(id) ?? new Map<string, ResourceKey>();
      waiting.set(text, key);
      this.#waiting.set(id, waiting);
    }
  }
}
