import type { Clock } from '../../src/platform/clock.ts';

/** The world's clock as one process has it: what the process armed goes with it. */
export interface ProcessClock extends Clock {
  die(): void;
}

export function createProcessClock(clock: Clock): ProcessClock {
  const armed = new Set<() => void>();
  let dead = false;
  return {
    now: () => clock.now(),
    at(atMs, callback) {
      if (dead) return () => {};
      const cancel = clock.at(atMs, () => {
        armed.delete(cancel);
        callback();
      });
      armed.add(cancel);
      return () => {
        armed.delete(cancel);
        cancel();
      };
    },
    die() {
      dead = true;
      for (const cancel of armed) cancel();
      armed.clear();
    },
  };
}
