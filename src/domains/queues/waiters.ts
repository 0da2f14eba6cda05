import type { Clock } from '../../platform/clock.ts';
import type { Commit, Store } from '../../platform/store/port.ts';
import { MESSAGE_KIND } from './resources.ts';

/**
 * Long polls. A receive that finds nothing waits here for its box: a committed message wakes one of them, the time at which a hidden
 * one can be received again wakes all. Nothing is polled, and nothing here is needed after a restart.
 */
export interface Waiters {
  /** Before the look whose outcome decides on waiting, so that what arrives during it counts. Undefined: too many wait already. */
  enter(box: string): Waiter | undefined;
  /** Ends every wait, for good. */
  release(): void;
}

export interface Waiter {
  /** Until woken or `untilMs`. False: the client is `gone` or the server stops, and there is nothing more to wait for. */
  wait(untilMs: number, gone: AbortSignal | undefined): Promise<boolean>;
  /** Always called in the end. `took`: false hands a wake-up that was not used on to the next. */
  leave(took: boolean): void;
}

const WAITERS_MAX = 1_000;

interface Entry {
  woken: boolean;
  untilMs: number;
  resolve: (() => void) | undefined;
}

export function createWaiters(store: Pick<Store, 'onCommitted'>, clock: Clock): Waiters {
  const boxes = new Map<string, Set<Entry>>();
  let count = 0;
  let released = false;
  const wake = (entry: Entry): void => {
    entry.woken = true;
    entry.resolve?.();
  };
  const wakeOne = (box: string): void => {
    for (const entry of boxes.get(box) ?? []) {
      if (entry.woken) continue;
      wake(entry);
      return;
    }
  };
  store.onCommitted((commit) => count > 0 && wakeFor(commit, clock.now(), boxes, wake, wakeOne));
  return {
    enter(box) {
      if (count >= WAITERS_MAX) return undefined;
      count += 1;
      const entry: Entry = { woken: false, untilMs: Infinity, resolve: undefined };
      const waiting = boxes.get(box) ?? new Set();
      boxes.set(box, waiting.add(entry));
      return {
        async wait(untilMs, gone) {
          if (!entry.woken && !released && !gone?.aborted) {
            const { promise, resolve } = Promise.withResolvers<void>();
            entry.resolve = resolve;
            entry.untilMs = untilMs;
            const cancel = clock.at(untilMs, resolve);
            gone?.addEventListener('abort', resolve as () => void);
            await promise;
            gone?.removeEventListener('abort', resolve as () => void);
            cancel();
          }
          entry.resolve = undefined;
          if (gone?.aborted) return false; // a wake-up is handed on when it leaves
          entry.woken = false;
          return !released;
        },
        leave(took) {
          count -= 1;
          waiting.delete(entry);
          if (waiting.size === 0) boxes.delete(box);
          else if (entry.woken && !took) wakeOne(box);
        },
      };
    },
    release() {
      released = true;
      for (const waiting of boxes.values()) for (const entry of waiting) wake(entry);
    },
  };
}

/** A message that can be received, or is gone and lets its group go on, wakes one; one that can be earlier than some wait wakes these. */
function wakeFor(
  commit: Commit,
  nowMs: number,
  boxes: ReadonlyMap<string, ReadonlySet<Entry>>,
  wake: (entry: Entry) => void,
  wakeOne: (box: string) => void,
): void {
  for (const { key, index } of commit.write ?? []) {
    if (key.kind !== MESSAGE_KIND || index.parent === undefined) continue;
    if ((index.ordinal ?? 0) <= nowMs) wakeOne(index.parent);
    else for (const entry of boxes.get(index.parent) ?? []) if ((index.ordinal ?? 0) < entry.untilMs) wake(entry);
  }
  for (const key of commit.remove ?? []) {
    if (key.kind === MESSAGE_KIND) wakeOne(key.name.slice(0, key.name.indexOf('/')));
  }
}
