import type { Clock } from '../../../src/platform/clock.ts';
import type { Fault } from '../swarm.ts';
import type { SimAction } from './sim-action.ts';

type Listener = (id: string) => void;

const LATE_MS = 20_000;

/** What the machine tells the server that lives: that a work changed. Told once soon, or late, twice, or never. */
export class SimReports {
  readonly #clock: Clock;
  #listener: Listener | undefined;
  #pending: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Who hears from now on; nobody else does any more. */
  listen(listener: Listener): void {
    this.#listener = listener;
  }

  /** A server is gone: reports on their way to it arrive nowhere. */
  forget(): void {
    this.#listener = undefined;
    this.#pending = [];
  }

  changed(id: string): void {
    if (this.#listener && !this.#pending.includes(id)) this.#pending.push(id);
  }

  actions(faults: ReadonlySet<Fault>): SimAction[] {
    return this.#pending.flatMap((id) => [
      { name: `${id} is reported`, perform: () => this.#tell(this.#take(id)) },
      ...(faults.has('report twice')
        ? [{ name: `${id} is reported, and will be again`, fault: 'report twice' as const, perform: () => this.#tell(id) }]
        : []),
      ...(faults.has('report late')
        ? [{ name: `the report of ${id} is held up`, fault: 'report late' as const, perform: () => this.#delay(this.#take(id)) }]
        : []),
      ...(faults.has('report lost')
        ? [{ name: `the report of ${id} is lost`, fault: 'report lost' as const, perform: () => void this.#take(id) }]
        : []),
    ]);
  }

  #take(id: string): string {
    this.#pending = this.#pending.filter((one) => one !== id);
    return id;
  }

  #tell(id: string): void {
    this.#listener?.(id);
  }

  #delay(id: string): void {
    const listener = this.#listener;
    this.#clock.at(this.#clock.now() + LATE_MS, () => {
      if (this.#listener === listener) this.changed(id);
    });
  }
}
