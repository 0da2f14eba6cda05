import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Store } from '../../platform/store/port.ts';
import type { Waiters } from './waiters.ts';

export interface QueuesPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The server's own address, for callers that have none of their own to name it by. */
  readonly serverUrl: () => string;
}

export interface QueuesRoomPorts extends QueuesPorts {
  readonly waiters: Waiters;
  /** Messages that a receive is just handing out, by row name: another one leaves them alone. */
  readonly claimed: Set<string>;
  /** Of two receives of one FIFO queue one comes after the other; by box. */
  readonly turns: Map<string, Promise<unknown>>;
  /** Larger for each message, also over restarts. */
  readonly nextSequence: (nowMs: number) => string;
}
