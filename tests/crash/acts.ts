import { normal, type Act } from './act.ts';
import { code, records, settings } from './acts-changes.ts';
import { release, repository, stoppedBuild } from './acts-deliveries.ts';
import { delivery, later, serverless, setUpHosting } from './acts-hosting.ts';
import { failing, processing, stopped, training, transform } from './acts-jobs.ts';
import { FUNCTION_CODE, functions, identity, logging, parameter, queue, secret } from './acts-neighbours.ts';
import { rules, schedules, topic } from './acts-notices.ts';
import { awaited, halted, pipeline, retried, setUpPipelines } from './acts-pipelines.ts';
import { deployed, fanned, setUpSteps } from './acts-steps.ts';
import { bucket, image, objects, registry } from './acts-storage.ts';
import type { Witness } from './witness.ts';
import { modelArchive } from './workload.ts';

export const ACTS: readonly Act[] = [
  processing,
  training,
  failing,
  stopped,
  pipeline,
  retried,
  halted,
  awaited,
  objects,
  bucket,
  registry,
  image,
  queue,
  functions,
  secret,
  parameter,
  logging,
  identity,
  fanned,
  records,
  settings,
  code,
  repository,
  stoppedBuild,
  release,
  rules,
  schedules,
  topic,
  later,
  serverless,
  delivery,
  transform,
  deployed,
];

/** What all acts of a folder share; before any kill. */
export async function setUpActs(client: Witness): Promise<void> {
  await setUpPipelines(client, FUNCTION_CODE);
  await setUpSteps(client);
  const archives = { first: await modelArchive('model first'), second: await modelArchive('model second') };
  await setUpHosting(client, archives);
  await failing.play(client, 'failing-once'); // so that the ledger of any folder tells of an end
}

/** Played to its end; what it left, in a form that is the same for every run of the act. */
export async function finish(act: Act, client: Witness, label: string): Promise<unknown> {
  await act.play(client, label);
  return normal(await act.look(client, label), label);
}
