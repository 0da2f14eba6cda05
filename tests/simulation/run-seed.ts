import { Clients } from './clients.ts';
import { type SeedOptions, type SeedReport, SeedRun } from './seed-run.ts';
import { runServingSeed } from './serving/run-serving-seed.ts';

/**
 * Without faults everything comes to rest within so many events; a run that takes more hangs. A job that hangs until its time is over, while
 * an endpoint beside it is asked for its health every few seconds, takes 25,000; several such in a row, with each read an event, hundreds of thousands.
 */
const REST_EVENTS_MAX = 1_000_000;
/** After so many, clients end what starts executions faster than they end. */
const STARTING_EVENTS_MAX = 30_000;
/** Every fifth seed is about what serves, the others about pipelines and what they make. */
const SERVING_EVERY = 5;

/** One run: a while with faults, then without until all rests, then the questions. */
export const runSeed = (seed: number, options: SeedOptions = {}): Promise<SeedReport> =>
  seed % SERVING_EVERY === 0 ? runServingSeed(seed, options) : runPipelinesSeed(seed, options);

async function runPipelinesSeed(seed: number, options: SeedOptions): Promise<SeedReport> {
  const run = new SeedRun(seed, options, ({ world, machine, swarm, random }) => new Clients(world, random, machine, swarm));
  const { world, machine, clients, scheduler, safety } = run;
  await run.begin();
  const rest = async () => {
    const faultless = run.events;
    let isStarting = true;
    while (run.isClean && !(await scheduler.rests())) {
      const events = run.events - faultless;
      if (isStarting && events > STARTING_EVENTS_MAX) {
        isStarting = false;
        await scheduler.until(clients.stopStarting());
      }
      if (events < REST_EVENTS_MAX) continue;
      world.problem('everything ends once faults stop', machine.unfinished().join('; '));
    }
  };
  // what has ended is retried, gone on with and taken from in the next round
  for (let round = 0; round < run.swarm.rounds; round += 1) {
    await run.play(run.swarm.events);
    await rest();
  }
  if (run.isClean) {
    const judged = await scheduler.until(clients.judge());
    for (const problem of judged) world.problem('executions end as their definitions permit', problem);
    await rest(); // time has passed meanwhile
  }
  if (run.isClean) safety.atRest();
  return run.report();
}
