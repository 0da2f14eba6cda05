import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { answerFault, containerAbsent, modelError, notReady, type RuntimeFault, variantAbsent } from './answer.ts';
import { type Attempt, attempt } from './attempt.ts';
import { pickInstance, pickVariant } from './decide-route.ts';
import { Client, type ModelRequest } from './exchange.ts';
import type { Instance } from './instance.ts';
import { relay } from './relay.ts';
import { relayStream } from './relay-stream.ts';
import type { EndpointEntry, VariantEntry } from './route-table.ts';

/** AWS: a container answers within 60 seconds. */
const ANSWER_TIMEOUT_MS = 60_000;
/** How long a request waits for a model server that is being started again. */
const RESTART_WAIT_MS = 5_000;
const RESTART_POLL_MS = 50;

export interface Invocation {
  readonly entry: EndpointEntry;
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The answer goes out as an event stream. */
  readonly streams: boolean;
}

/** Sends one authorised invocation to a model server and its answer back. Never throws. */
export async function invoke(invocation: Invocation, response: ServerResponse): Promise<void> {
  const { entry, requestId, headers } = invocation;
  const target = headers['x-amzn-sagemaker-target-variant'];
  const variant =
    typeof target === 'string'
      ? entry.variants.find(({ name }) => name === target)
      : pickVariant(entry.variants, entry.credits, Math.random());
  if (!variant) return answerFault(response, requestId, variantAbsent(String(target), entry.route.name));
  const container = targetContainer(variant, headers['x-amzn-sagemaker-target-container-hostname']);
  if (container === 'absent') return answerFault(response, requestId, containerAbsent(variant.containers?.names ?? []));
  const client = new Client();
  response.once('close', () => client.leave());
  const asked: ModelRequest = {
    path: '/invocations',
    headers: modelHeaders(headers),
    body: invocation.body,
    deadlineMs: Date.now() + ANSWER_TIMEOUT_MS,
    client,
  };
  const outcome = await attemptWithRetry(variant, asked, container);
  if (outcome.kind === 'aborted') return;
  if (outcome.kind !== 'answered') return answerFault(response, requestId, failure(outcome, entry));
  const origin = { variant: variant.name, container: outcome.container };
  if (invocation.streams && outcome.answer.isSuccess) await relayStream(outcome.answer, origin, invocation, response);
  else await relay(outcome.answer, origin, invocation, response);
}

/** The container a request is for; undefined when all of them answer it together. */
function targetContainer({ containers }: VariantEntry, named: string | string[] | undefined): number | 'absent' | undefined {
  if (containers?.mode !== 'Direct') return named === undefined ? undefined : 'absent';
  const place = containers.names.indexOf(String(named));
  return place < 0 ? 'absent' : place;
}

/** A request that got no answer is tried once more: elsewhere, or here as soon as the model server is back. */
async function attemptWithRetry(variant: VariantEntry, asked: ModelRequest, container: number | undefined): Promise<Attempt> {
  const first = pickInstance(variant.instances, new Set(), Date.now(), Math.random());
  if (!first) return { kind: 'refused', container: 'primary' };
  let outcome = await attempt(first, variant, asked, container);
  if (!isRetried(outcome)) return outcome;
  const other = pickInstance(variant.instances, new Set([first.id]), Date.now(), Math.random());
  if (other) outcome = await attempt(other, variant, asked, container);
  if (other && outcome.kind !== 'refused') return outcome;
  const back = await whenReachable(variant.instances, asked);
  return back ? attempt(back, variant, asked, container) : outcome;
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

function failure({ kind, container }: Exclude<Attempt, { kind: 'answered' }>, { route }: EndpointEntry): RuntimeFault {
  const place = { account: route.account, region: route.region, endpoint: route.name };
  if (kind === 'late') {
    const text = `Your invocation timed out while waiting for a response from container ${container}. Look at its log for what it was doing.`;
    return modelError(place, container, 0, text);
  }
  if (kind === 'refused') return notReady(route.name);
  return modelError(place, container, 0, `The connection was closed by container ${container} before it answered.`);
}

/** AWS keeps these and strips the rest. */
function modelHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string' && (name === 'content-type' || name === 'accept' || name.startsWith('x-amzn-sagemaker-')))
      kept[name] = value;
  }
  return kept;
}
