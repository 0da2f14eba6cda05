import type { Random } from './random.ts';

/** What may go wrong, each named as in the table of what a run reached. */
export const FAULTS = [
  'commit fails',
  'commit done, answer lost',
  'read fails',
  'call between rooms throttled',
  'call between rooms done, answer lost',
  'backend unreachable',
  'backend done, answer lost',
  'object store fails',
  'object store done, answer lost',
  'router unreachable',
  'log files fail',
  'client hears nothing',
  'server dies',
  'server dies while it starts',
  'work vanishes',
  'work out of memory',
  'work exceeds its time',
  'report late',
  'report twice',
  'report lost',
  'clock jumps',
] as const;
export type Fault = (typeof FAULTS)[number];

/**
 * What one seed is like. Each switches off a random subset of faults and weighs the rest anew: a rare meeting of two faults is likely in some
 * seed, where a run with everything on drowns it.
 */
export interface Swarm {
  readonly faults: ReadonlySet<Fault>;
  /** Of the events at which a held call may be met by a fault. */
  readonly faultRate: number;
  readonly crashRate: number;
  /** How many of the reads wait for the scheduler; writes and effects always do. */
  readonly holdReads: number;
  /** Relative weights of what the scheduler does next. */
  readonly weights: Readonly<Record<'release' | 'host' | 'clock' | 'client', number>>;
  /** Calls of clients under way at the same time. */
  readonly clients: number;
  /** How long the workload lasts before everything may come to rest. */
  readonly events: number;
  /** How often it comes to rest and begins again. */
  readonly rounds: number;
  /** Oldest first, or any: a scheduler that always takes the newest starves the others. */
  readonly order: 'any' | 'oldest' | 'newest';
}

export function drawSwarm(random: Random): Swarm {
  const calm = random.chance(0.1);
  const faults = new Set(calm ? [] : FAULTS.filter(() => random.chance(0.4)));
  return {
    faults,
    faultRate: random.pick([0.01, 0.03, 0.1]),
    crashRate: random.pick([0.001, 0.005, 0.02]),
    holdReads: random.pick([0, 0.05, 0.3, 1]),
    weights: {
      release: random.pick([4, 10, 20]),
      host: random.pick([1, 2, 6]),
      clock: random.pick([0.2, 1, 2]),
      client: random.pick([0.5, 1, 3]),
    },
    clients: random.pick([1, 2, 4]),
    events: random.pick([200, 300, 500]),
    order: random.pick(['any', 'any', 'oldest', 'newest']),
    rounds: random.pick([1, 1, 2]),
  };
}
