import { type Aim, type Attempt, attempt, type Place } from './attempt.ts';
import { pickInstance } from './decide-route.ts';
import type { ModelRequest } from './exchange.ts';
import type { Instance } from './instance.ts';
import { cacheKey } from './models.ts';
import type { SessionPlace } from './sessions.ts';

/** How long a request waits for a model server that is being started again. */
const RESTART_WAIT_MS = 5_000;
const RESTART_POLL_MS = 50;
const NONE: ReadonlySet<string> = new Set();

/** A request that got no answer is tried once more: elsewhere, or here as soon as the model server is back. */
export async function attemptWithRetry(
  place: Place,
  asked: ModelRequest,
  aim: Aim,
  session: SessionPlace | undefined,
): Promise<Attempt> {
  const candidates = candidatesOf(place, aim, session);
  const first = pickInstance(candidates, NONE, Date.now(), Math.random());
  if (!first) return { kind: 'refused', container: 'primary' };
  let outcome = await attempt(first, place, asked, aim);
  if (!isRetried(outcome)) return outcome;
  // a session lives in one instance: no other one could answer for it
  const others = session ? candidates : place.variant.instances;
  const other = pickInstance(others, new Set([first.id]), Date.now(), Math.random());
  if (other) outcome = await attempt(other, place, asked, aim);
  if (other && outcome.kind !== 'refused') return outcome;
  const back = await whenReachable(others, asked);
  return back ? attempt(back, place, asked, aim) : outcome;
}

/** The instance that holds the session; those that have the model; or all. */
function candidatesOf({ variant }: Place, { place = 0, model }: Aim, session: SessionPlace | undefined): readonly Instance[] {
  const { instances } = variant;
  const holders = session && instances.filter(({ id }) => id === session.instance);
  if (holders && holders.length > 0) return holders;
  if (model === undefined) return instances;
  const having = instances.filter(({ models }) => models.has(cacheKey(place, model)));
  return having.length > 0 ? having : instances;
}

const isRetried = ({ kind }: Attempt): boolean => kind === 'refused' || kind === 'broken';

async function whenReachable(instances: readonly Instance[], asked: ModelRequest): Promise<Instance | undefined> {
  const untilMs = Math.min(Date.now() + RESTART_WAIT_MS, asked.deadlineMs);
  while (Date.now() < untilMs && !asked.client.isGone) {
    for (const instance of instances) if (await instance.reachable()) return instance;
    await new Promise((resolve) => setTimeout(resolve, RESTART_POLL_MS));
  }
  return undefined;
}
