import type { Clients } from '../clients.ts';
import { watchSafety } from '../checks/watch-safety.ts';
import { createMachine } from '../machine.ts';
import { createRandom } from '../random.ts';
import type { SeedOptions, SeedReport } from '../run-seed.ts';
import { Scheduler } from '../scheduler.ts';
import { drawSwarm } from '../swarm.ts';
import { World } from '../world.ts';
import { ServingClients } from './serving-clients.ts';

/** After so much time without faults all that moves has ended, retries of functions and drains of endpoints included. */
const REST_MS = 2 * 3600_000;
const REST_EVENTS_MAX = 100_000;
/** A deployment takes many events. */
const EVENTS_FACTOR = 4;

/** One run with clients of endpoints, transform jobs and functions; see run-seed.ts. */
export async function runServingSeed(seed: number, options: SeedOptions = {}): Promise<SeedReport> {
  const random = createRandom(seed);
  const drawn = drawSwarm(random.fork('swarm'));
  const swarm = options.swarm?.(drawn) ?? drawn;
  const machine = createMachine({ random: random.fork('machine') });
  const { clock, ids } = machine;
  const holding = random.fork('holding');
  const world = new World({
    swarm,
    ids,
    clock,
    open: (processClock) => machine.open(processClock),
    holds: (call) => !READS.test(call) || holding.chance(swarm.holdReads),
  });
  const clients = new ServingClients(world, machine, random.fork('clients'));
  const safety = watchSafety({ world, machine });
  let [events, traceHash] = [0, 0x811c9dc5];
  const onEvent = (event: string) => {
    events += 1;
    safety.afterEvent();
    for (let at = 0; at < event.length; at += 1) traceHash = Math.imul(traceHash ^ event.charCodeAt(at), 0x01000193) >>> 0;
    options.onEvent?.(event, events);
  };
  const schedule = random.fork('schedule');
  const scheduler = new Scheduler({ world, random: schedule, swarm, machine, clients: clients as unknown as Clients, onEvent });
  const found = () => [...world.problems, ...machine.problems, ...safety.problems];

  world.boot();
  await scheduler.until(clients.prepare());
  const start = events;
  while (events - start < EVENTS_FACTOR * swarm.events && found().length === 0 && (await scheduler.step()));
  const [untilMs, faultless] = [clock.now() + REST_MS, events];
  while (found().length === 0 && (clock.now() < untilMs || clients.busy > 0)) {
    clients.finishing()?.perform();
    await scheduler.calmStep();
    if (events - faultless > REST_EVENTS_MAX) world.problem('everything ends once faults stop', machine.unfinished().join('; '));
  }
  if (found().length === 0) safety.atRest(); // the judges make new jobs
  if (found().length === 0) {
    for (const problem of await scheduler.until(clients.judge())) world.problem('what clients were told holds', problem);
  }
  world.crash();
  return { seed, events, problems: found(), traceHash, coverage: [...world.coverage.counts] };
}

const READS =
  /^(store\.(get|getMany|list|count|referrers|timers|events|ledger|ledgerHead|unusedBlobs)|backend\.(status|readText|outputs)|blobs\.(has|readText)|logFiles\.(read|path|sizeBytes)|routes\.usage)$/;
