import type { RuntimeFault } from './answer.ts';
import { type Ended, exchange, type ModelRequest } from './exchange.ts';
import type { Instance } from './instance.ts';
import type { ModelAnswer } from './model-answer.ts';
import { askModel } from './models.ts';
import type { EndpointEntry, VariantEntry } from './route-table.ts';
import type { ServerLink } from './server-link.ts';
import type { Upstream } from './upstream.ts';

/** Where an attempt takes place. */
export interface Place {
  readonly entry: EndpointEntry;
  readonly variant: VariantEntry;
  readonly server: ServerLink;
}

/** `place`: the one container that is asked, otherwise all in series. `model`: which of a multi-model container's. */
export interface Aim {
  readonly place?: number;
  readonly model?: string;
}

/** What came of one instance's try at an invocation. `container`: the one that answered, or did not. */
export type Attempt =
  | {
      readonly kind: 'answered';
      readonly variant: string;
      readonly instance: string;
      readonly container: string;
      readonly answer: ModelAnswer;
    }
  | { readonly kind: Ended; readonly container: string }
  | { readonly kind: 'fault'; readonly fault: RuntimeFault };

type Tried =
  | { readonly kind: 'answered'; readonly container: string; readonly answer: ModelAnswer }
  | Exclude<Attempt, { readonly kind: 'answered' }>;

/** What one container of a pipeline hands to the next is at most this; both ends are processes on this host. */
const BETWEEN_BYTES_MAX = 100 * 1024 * 1024;

/**
 * One attempt at one instance: its one container, the one that the request names, or all of them in series. The instance counts as busy
 * until the answer was read to its end.
 */
export async function attempt(instance: Instance, place: Place, asked: ModelRequest, aim: Aim): Promise<Attempt> {
  instance.begin();
  let outcome: Tried = { kind: 'refused', container: 'primary' };
  try {
    outcome = await askContainers(instance, place, asked, aim);
  } finally {
    if (outcome.kind === 'answered') outcome.answer.onEnd(() => instance.end());
    else instance.end();
    if (outcome.kind === 'refused') instance.refusedAtMs = Date.now();
    else if (outcome.kind === 'answered') instance.refusedAtMs = 0;
  }
  return outcome.kind === 'answered' ? { ...outcome, variant: place.variant.name, instance: instance.id } : outcome;
}

async function askContainers(instance: Instance, place: Place, asked: ModelRequest, aim: Aim): Promise<Tried> {
  const { upstreams } = instance;
  const { containers } = place.variant;
  if (containers && aim.place === undefined) return askInSeries(upstreams, containers.names, asked);
  const container = containers?.names[aim.place ?? 0] ?? 'primary';
  const upstream = upstreams[aim.place ?? 0] as Upstream;
  if (aim.model !== undefined)
    return askModel({ ...place, instance, upstream, container, place: aim.place ?? 0, model: aim.model }, asked);
  return { container, ...(await exchange(upstream, asked)) };
}

async function askInSeries(upstreams: readonly Upstream[], names: readonly string[], asked: ModelRequest): Promise<Tried> {
  const { accept, ...between } = asked.headers;
  let request: ModelRequest = { ...asked, headers: between };
  for (const [place, upstream] of upstreams.entries()) {
    const container = names[place] ?? '';
    const last = place === upstreams.length - 1;
    // only the last one answers the client, so only it is told what the client accepts
    if (last && accept !== undefined) request = { ...request, headers: { ...request.headers, accept } };
    const outcome = await exchange(upstream, request);
    if (outcome.kind !== 'answered' || last || !outcome.answer.isSuccess) return { container, ...outcome };
    const body = await readWhole(outcome.answer);
    if (body === undefined) return { kind: 'broken', container };
    const { 'content-type': _type, ...kept } = request.headers;
    const type = outcome.answer.headers['content-type'];
    request = {
      ...request,
      body,
      headers: { ...kept, ...(type !== undefined && { 'content-type': type }) },
    };
  }
  return { kind: 'refused', container: 'primary' }; // a model has at least one container
}

/** Undefined when the answer breaks off, or is larger than anything that could go on. */
async function readWhole(answer: ModelAnswer): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of answer.chunks()) {
      sizeBytes += chunk.length;
      if (sizeBytes > BETWEEN_BYTES_MAX) return undefined; // leaving the loop gives the answer up
      chunks.push(chunk);
    }
  } catch {
    return undefined; // it broke off: what came is no input for the next
  }
  return Buffer.concat(chunks, sizeBytes);
}
