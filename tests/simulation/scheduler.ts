import { faultFor } from './injected.ts';
import type { Held } from './gate.ts';
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import type { Swarm } from './swarm.ts';
import type { World } from './world.ts';

/** What may happen next of somebody's own accord. */
export interface Action {
  readonly name: string;
  perform(): void;
}

/** Everybody outside of the machine. */
export interface ClientSide {
  /** Calls under way. */
  readonly busy: number;
  /** Makes what is needed before anything goes wrong. */
  prepare(): Promise<void>;
  /** One more thing that one of them does. */
  next(): Action | undefined;
  /** What still has to be done from outside so that everything can end. */
  finishing(): Action | undefined;
  /** Everything rests: what of what they were told does not hold? */
  judge(): Promise<string[]>;
}

export interface SchedulerOptions {
  readonly world: World;
  readonly random: Random;
  readonly swarm: Swarm;
  readonly machine: Machine;
  readonly clients: ClientSide;
  /** Each event, as it happened. */
  readonly onEvent: (name: string) => void;
}

type Kind = 'release' | 'host' | 'clock' | 'client' | 'boot';

const BOOT_WEIGHT = 2;
const REQUEST = /^(client|calls)\./;
/** Beyond what any timer of the product waits for between two looks. */
const JUMPS_MS = [50, 1_000, 30_000, 600_000, 3_600_000, 26 * 3_600_000];

/** Chooses what happens next, one thing at a time, and waits until all that follows from it at once is done. */
export class Scheduler {
  readonly #options: SchedulerOptions;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** One event with faults on; false when nothing at all can happen. */
  async step(): Promise<boolean> {
    const { random } = this.#options;
    const kind = this.#drawKind();
    if (!kind) return false;
    const name = {
      release: () => this.#release(random),
      host: () => this.#host(random),
      clock: () => this.#clock(random),
      client: () => this.#client(),
      boot: () => this.#boot(),
    }[kind]();
    this.#options.onEvent(name);
    await turn();
    return true;
  }

  /** One event without faults, whatever is oldest; time passes only when nothing else can happen. */
  async calmStep(): Promise<void> {
    const { world, machine, onEvent } = this.#options;
    const [held] = world.gate?.held ?? [];
    const [action] = held ? [] : machine.actions();
    if (!world.engine) onEvent(this.#boot());
    else if (held) onEvent(this.#let(held));
    else if (action) {
      action.perform();
      onEvent(action.name);
    } else onEvent(this.#tick());
    await turn();
  }

  /** Goes on without faults until `wanted` is there. */
  async until<T>(wanted: Promise<T>): Promise<T> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    wanted.then(settle, settle);
    await turn();
    while (!settled) await this.calmStep();
    return wanted;
  }

  /** Goes on without faults; true once nothing is left to do, whatever time passes. */
  async rests(): Promise<boolean> {
    const { world, machine, clients, onEvent } = this.#options;
    const busy = !world.engine || world.gate?.held.length || machine.actions().length > 0 || clients.busy > 0;
    if (!busy && machine.unfinished().length === 0) return true;
    const waits = clients.finishing();
    if (!busy && waits) {
      waits.perform();
      onEvent(waits.name);
      await turn();
      onEvent(this.#tick());
    } else await this.calmStep();
    return false;
  }

  #drawKind(): Kind | undefined {
    const { world, random, swarm, machine, clients } = this.#options;
    const may: [Kind, number][] = [];
    if (world.gate && world.gate.held.length > 0) may.push(['release', swarm.weights.release]);
    if (machine.actions(swarm.faults).length > 0) may.push(['host', swarm.weights.host]);
    if (world.clock.nextAtMs() !== undefined) may.push(['clock', swarm.weights.clock]);
    if (clients.busy < swarm.clients) may.push(['client', swarm.weights.client]);
    if (!world.engine) may.push(['boot', BOOT_WEIGHT]);
    let left = random.next() * may.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [kind, weight] of may) {
      left -= weight;
      if (left < 0) return kind;
    }
    return undefined;
  }

  #release(random: Random): string {
    const { world, swarm } = this.#options;
    const held = world.gate?.held ?? [];
    const at = { any: random.int(held.length), oldest: 0, newest: held.length - 1 }[swarm.order];
    const one = held[at] as Held;
    const starting = world.engine?.status === 'starting';
    const death = starting ? 'server dies while it starts' : 'server dies';
    if (swarm.faults.has(death) && random.chance(starting ? swarm.crashRate * 4 : swarm.crashRate)) {
      world.coverage.add('fault', death);
      world.coverage.add('death', `${one.side} ${one.call}`);
      world.crash();
      return `${death} ${one.side} ${one.call}`;
    }
    const injection = random.chance(swarm.faultRate) ? faultFor(one, swarm) : undefined;
    if (!injection) return this.#let(one);
    world.coverage.add('fault', injection.fault);
    one.fault(injection.make());
    return `${injection.fault}: ${one.side} ${one.call}`;
  }

  #let(held: Held): string {
    // no two requests come within the same millisecond: what is made anew under a name is known by its time
    if (held.side === 'before' && REQUEST.test(held.call)) this.#options.world.clock.advance(1);
    held.release();
    return `${held.side} ${held.call}`;
  }

  #host(random: Random): string {
    const { world, machine, swarm } = this.#options;
    const actions = machine.actions(swarm.faults);
    const healthy = actions.filter(({ fault }) => fault === undefined);
    const faulty = random.chance(swarm.faultRate);
    // a healthy machine only waits
    if (!faulty && healthy.length === 0) return this.#clock(random);
    const action = random.pick(faulty ? actions : healthy);
    if (action.fault) world.coverage.add('fault', action.fault);
    action.perform();
    return action.name;
  }

  #clock(random: Random): string {
    const { world, swarm } = this.#options;
    if (!swarm.faults.has('clock jumps') || !random.chance(0.1)) return this.#tick();
    const byMs = random.pick(JUMPS_MS);
    world.coverage.add('fault', 'clock jumps');
    world.clock.advance(byMs);
    return `clock jumps ${byMs}`;
  }

  #tick(): string {
    const { clock } = this.#options.world;
    const byMs = Math.max(0, (clock.nextAtMs() ?? clock.now()) - clock.now());
    clock.advance(byMs);
    return `clock ${byMs}`;
  }

  #client(): string {
    const action = this.#options.clients.next();
    action?.perform();
    return `client: ${action?.name ?? 'nothing to do'}`;
  }

  #boot(): string {
    this.#options.world.boot();
    return 'the server is started';
  }
}

/** Everything in the simulator goes on by microtasks: when this resolves, all that followed from the last event is done. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
