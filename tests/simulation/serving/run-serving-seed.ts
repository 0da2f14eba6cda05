import type { Clients } from '../clients.ts';
import { watchSafety } from '../checks/watch-safety.ts';
import { createMachine, type Machine } from '../machine.ts';
import { createRandom } from '../random.ts';
import type { SeedOptions, SeedReport } from '../run-seed.ts';
import { Scheduler } from '../scheduler.ts';
import { openSimBlobs } from '../ports/sim-blobs.ts';
import { drawSwarm, type Fault } from '../swarm.ts';
import { World } from '../world.ts';
import { ServingClients } from './serving-clients.ts';

/** After so much time without faults all that moves has ended, retries of functions and drains of endpoints included. */
const REST_MS = 2 * 3600_000;
const COME_BACK_MS = 600_000;
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
  const rest = async (restMs: number) => {
    const [untilMs, faultless] = [clock.now() + restMs, events];
    while (found().length === 0 && (clock.now() < untilMs || clients.busy > 0)) {
      clients.finishing()?.perform();
      await scheduler.calmStep();
      if (events - faultless > REST_EVENTS_MAX)
        world.problem('everything ends once faults stop', machine.unfinished().join('; '));
    }
  };
  await rest(REST_MS);
  await loseModelServers(machine);
  await rest(COME_BACK_MS);
  if (found().length === 0) safety.atRest(); // the judges make new jobs
  if (found().length === 0) {
    for (const problem of await scheduler.until(clients.judge())) world.problem('what clients were told holds', problem);
  }
  world.crash();
  return { seed, events, problems: found(), traceHash, coverage: [...world.coverage.counts] };
}

/** Every model server vanishes after contents were collected: what it is started from again must have been kept. */
async function loseModelServers({ parts, clock, disk, actions }: Machine): Promise<void> {
  const store = { unusedBlobs: async (digests: readonly string[]) => disk.links.unusedBlobs(digests) };
  await openSimBlobs(parts.blobs, { clock, store }).collect();
  for (const { name, fault, perform } of actions(new Set<Fault>(['work vanishes'])))
    if (fault && name.startsWith('endpoint-')) perform();
}

const READS =
  /^(store\.(get|getMany|list|count|referrers|timers|events|ledger|ledgerHead|unusedBlobs)|backend\.(status|readText|outputs)|blobs\.(has|readText)|logFiles\.(read|path|sizeBytes)|routes\.usage)$/;
