import type { Clock } from './clock.ts';

/** A clock that stands still until it is moved: for tests and the simulator. */
export interface VirtualClock extends Clock {
  /** Moves on and calls back what falls due, in order of time, then of arming. */
  advance(byMs: number): void;
  /** When the next callback is due; undefined when none is armed. */
  nextAtMs(): number | undefined;
}

export function createVirtualClock(startMs = 1_700_000_000_000): VirtualClock {
  let nowMs = startMs;
  const armed = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  const earliest = () => {
    let first: { readonly atMs: number; readonly callback: () => void } | undefined;
    // a Set iterates in order of insertion, so that equal times keep the order of arming
    for (const one of armed) if (!first || one.atMs < first.atMs) first = one;
    return first;
  };
  return {
    now: () => nowMs,
    at(atMs, callback) {
      const one = { atMs, callback };
      armed.add(one);
      return () => armed.delete(one);
    },
    advance(byMs) {
      const untilMs = nowMs + byMs;
      for (let next = earliest(); next && next.atMs <= untilMs; next = earliest()) {
        armed.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.callback();
      }
      nowMs = untilMs;
    },
    nextAtMs: () => earliest()?.atMs,
  };
}
