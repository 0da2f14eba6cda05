import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { answerFault, modelError, notReady, type RuntimeFault, variantAbsent } from './answer.ts';
import { pickInstance, pickVariant } from './decide-route.ts';
import { exchange, type ModelRequest, type Outcome } from './exchange.ts';
import type { Instance } from './instance.ts';
import type { EndpointEntry, VariantEntry } from './route-table.ts';

/** AWS: a container answers within 60 seconds. */
const ANSWER_TIMEOUT_MS = 60_000;
/** How long a request waits for a model server that is being started again. */
const RESTART_WAIT_MS = 5_000;
const RESTART_POLL_MS = 50;
/** As much of a failed answer as goes into the error. */
const ERROR_TEXT_BYTES_MAX = 16 * 1024;

export interface Invocation {
  readonly entry: EndpointEntry;
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
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
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const asked: ModelRequest = {
    headers: modelHeaders(headers, invocation.body.length),
    body: invocation.body,
    deadlineMs: Date.now() + ANSWER_TIMEOUT_MS,
    signal: gone.signal,
  };
  const outcome = await exchangeWithRetry(variant, asked);
  if (outcome.kind === 'aborted') return;
  if (outcome.kind !== 'answered') return answerFault(response, requestId, failure(outcome.kind, entry));
  await relay(outcome.answer, variant.name, invocation, response);
}

/** A request that got no answer is tried once more: elsewhere, or here as soon as the model server is back. */
async function exchangeWithRetry(variant: VariantEntry, asked: ModelRequest): Promise<Outcome> {
  const first = pickInstance(variant.instances, new Set(), Date.now(), Math.random());
  if (!first) return { kind: 'refused' };
  let outcome = await exchange(first, asked);
  if (outcome.kind === 'stale') outcome = await exchange(first, asked);
  if (!isRetried(outcome)) return outcome;
  const other = pickInstance(variant.instances, new Set([first.id]), Date.now(), Math.random());
  if (other) outcome = await exchange(other, asked);
  if (other && outcome.kind !== 'refused') return outcome.kind === 'stale' ? exchange(other, asked) : outcome;
  const back = await whenReachable(variant.instances, asked);
  return back ? exchange(back, asked) : outcome;
}

const isRetried = ({ kind }: Outcome): boolean => kind === 'refused' || kind === 'broken' || kind === 'stale';

async function whenReachable(instances: readonly Instance[], asked: ModelRequest): Promise<Instance | undefined> {
  const untilMs = Math.min(Date.now() + RESTART_WAIT_MS, asked.deadlineMs);
  while (Date.now() < untilMs && !asked.signal.aborted) {
    for (const instance of instances) if (await instance.reachable()) return instance;
    await new Promise((resolve) => setTimeout(resolve, RESTART_POLL_MS));
  }
  return undefined;
}

function failure(kind: Exclude<Outcome['kind'], 'answered'>, { route }: EndpointEntry): RuntimeFault {
  const place = { account: route.account, region: route.region, endpoint: route.name };
  if (kind === 'late') {
    return modelError(
      place,
      0,
      'Your invocation timed out while waiting for a response from container primary. Look at its log for what it was doing.',
    );
  }
  if (kind === 'refused') return notReady(route.name);
  return modelError(place, 0, 'The connection was closed by container primary before it answered.');
}

/** AWS keeps these and strips the rest. */
function modelHeaders(headers: IncomingHttpHeaders, sizeBytes: number): OutgoingHttpHeaders {
  const kept: OutgoingHttpHeaders = { 'content-length': sizeBytes };
  for (const name in headers) {
    if (name === 'content-type' || name === 'accept' || name.startsWith('x-amzn-sagemaker-')) kept[name] = headers[name];
  }
  return kept;
}

function relay(answer: IncomingMessage, variant: string, invocation: Invocation, response: ServerResponse): Promise<void> {
  const status = answer.statusCode ?? 0;
  return status >= 200 && status < 300
    ? relaySuccess(answer, status, variant, invocation, response)
    : relayFailure(answer, status, invocation, response);
}

function relaySuccess(
  answer: IncomingMessage,
  status: number,
  variant: string,
  { requestId }: Invocation,
  response: ServerResponse,
): Promise<void> {
  const headers: OutgoingHttpHeaders = { 'x-amzn-requestid': requestId, 'x-amzn-invoked-production-variant': variant };
  for (const name in answer.headers) {
    if (name === 'content-type' || name === 'content-length' || name.startsWith('x-amzn-sagemaker-'))
      headers[name] = answer.headers[name];
  }
  response.writeHead(status, headers);
  return new Promise((resolve) => {
    answer.once('close', () => {
      // an answer that breaks off must not look complete
      if (!answer.complete) response.destroy();
      resolve();
    });
    answer.on('error', () => response.destroy());
    response.once('close', () => answer.destroy());
    answer.pipe(response);
  });
}

async function relayFailure(
  answer: IncomingMessage,
  status: number,
  { entry, requestId }: Invocation,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (sizeBytes < ERROR_TEXT_BYTES_MAX) chunks.push(chunk);
      sizeBytes += chunk.length;
    }
  } catch {
    chunks.push(Buffer.from(' (the answer broke off)')); // the status is known, and is what the client needs
  }
  const text = Buffer.concat(chunks).toString('utf8').slice(0, ERROR_TEXT_BYTES_MAX);
  const { account, region, name } = entry.route;
  answerFault(response, requestId, modelError({ account, region, endpoint: name }, status, text));
}
