import type { Machine } from '../machine.ts';
import { openSimBlobs } from '../ports/sim-blobs.ts';
import { type SeedOptions, type SeedReport, SeedRun } from '../seed-run.ts';
import type { Fault } from '../swarm.ts';
import { ServingClients } from './serving-clients.ts';

/** After so much time without faults all that moves has ended, retries of functions and drains of endpoints included. */
const REST_MS = 2 * 3600_000;
const COME_BACK_MS = 600_000;
const REST_EVENTS_MAX = 100_000;
/** A deployment takes many events. */
const EVENTS_FACTOR = 4;

/** One run with clients of endpoints, transform jobs and functions; see run-seed.ts. */
export async function runServingSeed(seed: number, options: SeedOptions = {}): Promise<SeedReport> {
  const run = new SeedRun(seed, options, ({ world, machine, random }) => new ServingClients(world, machine, random));
  const { world, machine, clients, scheduler, safety } = run;
  await run.begin();
  await run.play(EVENTS_FACTOR * run.swarm.events);
  const rest = async (restMs: number) => {
    const [untilMs, faultless] = [machine.clock.now() + restMs, run.events];
    while (run.isClean && (machine.clock.now() < untilMs || clients.busy > 0)) {
      clients.finishing()?.perform();
      await scheduler.calmStep();
      if (run.events - faultless > REST_EVENTS_MAX)
        world.problem('everything ends once faults stop', machine.unfinished().join('; '));
    }
  };
  await rest(REST_MS);
  await loseModelServers(machine);
  await rest(COME_BACK_MS);
  if (run.isClean) safety.atRest(); // the judges make new jobs
  if (run.isClean) {
    for (const problem of await scheduler.until(clients.judge())) world.problem('what clients were told holds', problem);
  }
  return run.report();
}

/** Every model server vanishes after contents were collected: what it is started from again must have been kept. */
async function loseModelServers({ parts, clock, disk, actions }: Machine): Promise<void> {
  const store = { unusedBlobs: async (digests: readonly string[]) => disk.links.unusedBlobs(digests) };
  await openSimBlobs(parts.blobs, { clock, store }).collect();
  for (const { name, fault, perform } of actions(new Set<Fault>(['work vanishes'])))
    if (fault && name.startsWith('endpoint-')) perform();
}
