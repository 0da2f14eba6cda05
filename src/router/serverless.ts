import { modelNotReady, type RuntimeFault } from './answer.ts';
import type { Place } from './attempt.ts';
import type { Client, ModelRequest } from './exchange.ts';
import type { VariantEntry } from './route-table.ts';

/** A request that a serverless variant has let in. `leave` when it is over. */
export interface Pass {
  /** The variant as it is now that it is awake. */
  readonly place: Omit<Place, 'server'>;
  readonly leave: () => void;
}

/** AWS refuses at once what is above the concurrency; what is below waits while the instance starts. */
export async function enterServerless(place: Place, asked: ModelRequest): Promise<Pass | RuntimeFault> {
  const { entry, variant } = place;
  const load = entry.loadOf(variant.name);
  const { maxConcurrency } = variant.serverless ?? { maxConcurrency: 0 };
  if (load.inFlight >= maxConcurrency) {
    return {
      status: 429,
      code: 'ThrottlingException',
      message: `Variant ${variant.name} of endpoint ${entry.route.name} answers ${maxConcurrency} requests at a time (MaxConcurrency). Try again in a moment.`,
    };
  }
  load.inFlight += 1;
  let hasLeft = false;
  const leave = () => {
    if (!hasLeft) load.inFlight -= 1;
    hasLeft = true;
  };
  const awake = variant.instances.length > 0 ? place : await wake(place, asked);
  if ('code' in awake) {
    leave();
    return awake;
  }
  return { place: awake, leave };
}

const leaving = (client: Client): Promise<void> =>
  new Promise((resolve) => {
    client.onGone = resolve;
  });

async function wake(place: Place, asked: ModelRequest): Promise<Omit<Place, 'server'> | RuntimeFault> {
  const { entry, variant, server } = place;
  const { account, region, name } = entry.route;
  const load = entry.loadOf(variant.name);
  load.waking ??= server
    .wake({ endpoint: { account, region, name }, variant: variant.name })
    .finally(() => (load.waking = undefined));
  const woken = await load.waking;
  if ('fault' in woken) return woken.fault;
  while (!asked.client.isGone && Date.now() < asked.deadlineMs) {
    const now = entry.current();
    const found = now?.variants.find((one: VariantEntry) => one.name === variant.name);
    if (!now || !found) break;
    if (found.instances.length > 0) return { entry: now, variant: found };
    await Promise.race([entry.changed(asked.deadlineMs), leaving(asked.client)]);
  }
  return modelNotReady(`Variant ${variant.name} of endpoint ${name} is still being started. Try again in a moment.`);
}
