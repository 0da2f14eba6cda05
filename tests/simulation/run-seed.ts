import { watchSafety } from './checks/watch-safety.ts';
import { Clients } from './clients.ts';
import { createMachine } from './machine.ts';
import { createRandom } from './random.ts';
import { Scheduler } from './scheduler.ts';
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

/** Without faults everything comes to rest within so many events; a run that takes more hangs. */
const REST_EVENTS_MAX = 20_000;

/** One run: a while with faults, then without until all rests, then the questions. Nothing but the seed decides what happens. */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedReport> {
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
    holds: (call) => !isRead(call) || holding.chance(swarm.holdReads),
  });
  const clients = new Clients(world, random.fork('clients'), machine, swarm);
  const safety = watchSafety({ world, machine });
  let [events, traceHash] = [0, 0x811c9dc5];
  const scheduler = new Scheduler({
    world,
    random: random.fork('schedule'),
    swarm,
    machine,
    clients,
    onEvent: (event) => {
      events += 1;
      safety.afterEvent();
      for (let at = 0; at < event.length; at += 1) traceHash = Math.imul(traceHash ^ event.charCodeAt(at), 0x01000193) >>> 0;
      options.onEvent?.(event, events);
    },
  });
  const found = () => [...world.problems, ...machine.problems, ...safety.problems];

  world.boot();
  await scheduler.until(clients.prepare());
  const rest = async () => {
    const faultless = events;
    while (found().length === 0 && !(await scheduler.rests())) {
      if (events - faultless < REST_EVENTS_MAX) continue;
      world.problem('everything ends once faults stop', machine.unfinished().join('; '));
    }
  };
  // what has ended is retried, gone on with and taken from in the next round
  for (let round = 0; round < swarm.rounds; round += 1) {
    const start = events;
    while (events - start < swarm.events && found().length === 0 && (await scheduler.step()));
    await rest();
  }
  if (found().length === 0) {
    const judged = await scheduler.until(clients.judge());
    for (const problem of judged) world.problem('executions end as their definitions permit', problem);
    await rest(); // time has passed meanwhile
  }
  if (found().length === 0) safety.atRest();
  world.crash();
  if (process.env['SIM_DUMP'])
    for (const row of machine.disk.rows.all(process.env['SIM_DUMP'])) console.log(JSON.stringify(row.document));
  return { seed, events, problems: found(), traceHash, coverage: [...world.coverage.counts] };
}

const READS =
  /^(store\.(get|getMany|list|count|referrers|timers|events|ledger|ledgerHead|unusedBlobs)|backend\.(status|readText|outputs)|blobs\.(has|readText)|logFiles\.(read|path|sizeBytes))$/;
const isRead = (call: string): boolean => READS.test(call);
