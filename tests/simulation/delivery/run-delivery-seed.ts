import { type SeedOptions, type SeedReport, SeedRun } from '../seed-run.ts';
import { deliveryChecks } from './checks/delivery-checks.ts';
import { DeliveryClients } from './delivery-clients.ts';

/** Without faults everything comes to rest within so many events; a run that takes more hangs. */
const REST_EVENTS_MAX = 60_000;
/** A delivery takes many events. */
const EVENTS_FACTOR = 2;

/** One run with clients of delivery pipelines; see run-seed.ts. */
export async function runDeliverySeed(seed: number, options: SeedOptions = {}): Promise<SeedReport> {
  const run = new SeedRun(
    seed,
    options,
    ({ world, machine, random }) => new DeliveryClients(world, machine, random),
    (watched, clients) => deliveryChecks(watched, clients.asked),
  );
  const { world, machine, clients, scheduler, safety } = run;
  await run.begin();
  const rest = async () => {
    const faultless = run.events;
    while (run.isClean && !(await scheduler.rests())) {
      if (run.events - faultless < REST_EVENTS_MAX) continue;
      world.problem('everything ends once faults stop', machine.unfinished().join('; '));
    }
  };
  for (let round = 0; round < run.swarm.rounds; round += 1) {
    await run.play(EVENTS_FACTOR * run.swarm.events);
    await rest();
  }
  if (run.isClean) {
    for (const problem of await scheduler.until(clients.judge())) world.problem('what clients were told holds', problem);
    await rest(); // time has passed meanwhile
  }
  if (run.isClean) safety.atRest();
  return run.report();
}
