import type { Check, Watched } from './checks/check.ts';
import type { Safety } from './checks/safety.ts';
import { watchSafety } from './checks/watch-safety.ts';
import { createMachine, type Machine } from './machine.ts';
import { createRandom, type Random } from './random.ts';
import { type ClientSide, Scheduler } from './scheduler.ts';
import { drawSwarm, type Swarm } from './swarm.ts';
import { World } from './world.ts';

export interface SeedReport {
  readonly seed: number;
  readonly events: number;
  /** What was promised and not kept, in words. */
  readonly problems: readonly string[];
  /** Of the events in order: equal for equal runs. */
  readonly traceHash: number;
  readonly coverage: readonly (readonly [string, number])[];
}

export interface SeedOptions {
  readonly onEvent?: (event: string, at: number) => void;
  /** Changes what the seed draws, to find out what a failure needs. */
  readonly swarm?: (drawn: Swarm) => Swarm;
}

/** Makes the clients of a run. */
export type MakeClients<C extends ClientSide> = (at: {
  readonly world: World;
  readonly machine: Machine;
  readonly random: Random;
  readonly swarm: Swarm;
}) => C;

/** Checks of what only these clients use. */
export type MakeChecks<C extends ClientSide> = (watched: Watched, clients: C) => readonly Check[];

/** What a seed makes, before anything has happened: nothing but the seed decides what will. */
export class SeedRun<C extends ClientSide> {
  readonly seed: number;
  readonly swarm: Swarm;
  readonly machine: Machine;
  readonly world: World;
  readonly clients: C;
  readonly scheduler: Scheduler;
  readonly safety: Safety;
  events = 0;
  #traceHash = 0x811c9dc5;

  constructor(seed: number, options: SeedOptions, makeClients: MakeClients<C>, makeChecks: MakeChecks<C> = () => []) {
    const random = createRandom(seed);
    const drawn = drawSwarm(random.fork('swarm'));
    const swarm = options.swarm?.(drawn) ?? drawn;
    const machine = createMachine({ random: random.fork('machine') });
    const holding = random.fork('holding');
    const { clock, ids } = machine;
    const world = new World({
      swarm,
      ids,
      clock,
      open: (processClock) => machine.open(processClock),
      holds: (call) => !READS.test(call) || holding.chance(swarm.holdReads),
    });
    const clients = makeClients({ world, machine, swarm, random: random.fork('clients') });
    this.seed = seed;
    this.swarm = swarm;
    this.machine = machine;
    this.world = world;
    this.clients = clients;
    this.safety = watchSafety({ world, machine, more: (watched) => makeChecks(watched, clients) });
    const onEvent = (event: string) => this.#onEvent(event, options);
    this.scheduler = new Scheduler({ world, random: random.fork('schedule'), swarm, machine, clients, onEvent });
  }

  get problems(): string[] {
    return [...this.world.problems, ...this.machine.problems, ...this.safety.problems];
  }

  get isClean(): boolean {
    return this.world.problems.length + this.machine.problems.length + this.safety.problems.length === 0;
  }

  /** The server starts, and clients make what they need, before anything goes wrong. */
  async begin(): Promise<void> {
    this.world.boot();
    await this.scheduler.until(this.clients.prepare());
  }

  /** So many events, with faults. */
  async play(events: number): Promise<void> {
    const end = this.events + events;
    this.safety.calm(false);
    while (this.events < end && this.isClean && (await this.scheduler.step()));
    this.safety.calm(true);
  }

  report(): SeedReport {
    this.world.crash();
    const { seed, events, problems, world } = this;
    return { seed, events, problems, traceHash: this.#traceHash, coverage: [...world.coverage.counts] };
  }

  #onEvent(event: string, { onEvent }: SeedOptions): void {
    this.events += 1;
    this.safety.afterEvent();
    for (let at = 0; at < event.length; at += 1)
      this.#traceHash = Math.imul(this.#traceHash ^ event.charCodeAt(at), 0x01000193) >>> 0;
    onEvent?.(event, this.events);
  }
}

/** What a process asks without changing anything: only some of it waits for the scheduler. */
const READS =
  /^(store\.(get|getMany|list|count|referrers|timers|events|ledger|ledgerHead|unusedBlobs)|backend\.(status|readText|outputs)|blobs\.(has|readText)|logFiles\.(read|path|sizeBytes)|routes\.usage)$/;
