import type { InputOf, OperationName, OutputOf } from '../../src/contract/operations.ts';
import type { Principal } from '../../src/platform/authorization/principal.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { InvariantError } from '../../src/platform/errors/families.ts';
import type { Ids } from '../../src/platform/ids.ts';
import type { Log } from '../../src/platform/log.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/platform/settings.ts';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { Coverage } from './coverage.ts';
import { Engine, type OpenedPorts } from './engine.ts';
import { Gate, type Held } from './gate.ts';
import { isInjected } from './injected.ts';
import { createProcessClock } from './process-clock.ts';
import type { Swarm } from './swarm.ts';
import { Unanswered } from './unanswered.ts';

export interface WorldOptions {
  readonly swarm: Swarm;
  readonly ids: Ids;
  /** Opens what outlives servers for a new one. */
  readonly open: (clock: Clock) => OpenedPorts;
  readonly clock?: VirtualClock;
  readonly settings?: Partial<Settings>;
  /** Whether a call of a port waits for the scheduler. */
  readonly holds: (call: string, side: Held['side']) => boolean;
}

const CAPACITY = { cpus: 4, memoryMiB: 8192 };
const LEVELS = ['debug', 'info', 'warn'] as const;

/** The simulated machine with at most one server process on it, and what goes wrong with that. */
export class World {
  readonly clock: VirtualClock;
  readonly coverage = new Coverage();
  readonly problems: string[] = [];
  readonly settings: Settings;
  readonly capacity = CAPACITY;
  engine: Engine | undefined;
  gate: Gate | undefined;
  /** Hears of every call that a client outside sends; what it returns, of the answer, should that be a success and arrive. */
  onCall: (operation: OperationName, input: object) => (output: object) => void = () => () => {};
  readonly #options: WorldOptions;
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.clock = options.clock ?? createVirtualClock();
    this.settings = { ...DEFAULT_SETTINGS, ...options.settings };
  }

  /** A new process; what it does is at the gate, for the scheduler. */
  boot(): void {
    const gate = new Gate({ holds: this.#options.holds });
    const clock = createProcessClock(this.clock);
    const { ids, open } = this.#options;
    const engine = new Engine({ gate, clock, ids, open, settings: this.settings, log: this.#log(), capacity: this.capacity });
    this.engine = engine;
    this.gate = gate;
    engine.start().catch((error: unknown) => {
      if (this.engine !== engine) return;
      if (!isInjected(error)) this.problem('the server starts', error);
      this.crash();
    });
  }

  /** `kill -9`: what the process knew is gone, clients hear nothing. */
  crash(): void {
    this.engine?.die();
    this.engine = undefined;
    this.gate = undefined;
    for (const reject of [...this.#waiting]) reject(new Unanswered('the server died'));
    this.#waiting.clear();
  }

  /** A call of a client on the network: it may be lost before and after the server has it. */
  async call<N extends OperationName>(name: N, input: InputOf<N>, principal?: Principal): Promise<OutputOf<N>> {
    const { engine, gate } = this;
    if (!engine || !gate) throw new Unanswered('nobody listens');
    const onAnswer = this.onCall(name, input);
    const { promise, resolve, reject } = Promise.withResolvers<OutputOf<N>>();
    this.#waiting.add(reject);
    gate
      .pass(`client.${name}`, [input], () => engine.call(name, input, principal))
      .then((output) => resolve(output as OutputOf<N>), reject);
    try {
      const output = await promise;
      onAnswer(output as object);
      return output;
    } catch (error) {
      if (error instanceof InvariantError) this.problem(`${name} ends without a mistake of ours`, error);
      throw error;
    } finally {
      this.#waiting.delete(reject);
    }
  }

  problem(promise: string, error: unknown): void {
    this.problems.push(`${promise}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }

  #log(): Log {
    const quiet = Object.fromEntries(LEVELS.map((level) => [level, () => {}])) as unknown as Omit<Log, 'error'>;
    return {
      ...quiet,
      error: (fields, message) => {
        const { err } = fields as { err?: unknown };
        if (!isInjected(err)) this.problem(`no error in the log: ${message}`, err ?? JSON.stringify(fields));
      },
    };
  }
}
