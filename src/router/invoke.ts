import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { answerFault, endpointAsynchronous, type RuntimeFault, targetFault, variantAbsent } from './answer.ts';
import type { Aim, Attempt } from './attempt.ts';
import { attemptWithRetry } from './attempt-with-retry.ts';
import { pickVariant } from './decide-route.ts';
import { Client, type ModelRequest } from './exchange.ts';
import { faultOf } from './fault-of-attempt.ts';
import { relay } from './relay.ts';
import { relayStream } from './relay-stream.ts';
import type { EndpointEntry, VariantEntry } from './route-table.ts';
import type { ServerLink } from './server-link.ts';
import { enterServerless } from './serverless.ts';
import { SESSION_HEADER, type SessionPlace } from './sessions.ts';

/** AWS: a container answers within 60 seconds. */
const ANSWER_TIMEOUT_MS = 60_000;

export interface Invocation {
  readonly entry: EndpointEntry;
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The answer goes out as an event stream. */
  readonly streams: boolean;
}

/** Sends one authorised invocation to a model server and its answer back. Never throws. */
export async function invoke(invocation: Invocation, server: ServerLink, response: ServerResponse): Promise<void> {
  const { entry, requestId, headers } = invocation;
  if (entry.route.asynchronous) return answerFault(response, requestId, endpointAsynchronous(entry.route.name));
  const session = entry.sessions.find(headers[SESSION_HEADER]);
  const variant = chooseVariant(entry, headers, session);
  if ('code' in variant) return answerFault(response, requestId, variant);
  const aim = aimOf(variant, headers);
  if ('code' in aim) return answerFault(response, requestId, aim);
  const client = new Client();
  response.once('close', () => client.leave());
  const asked: ModelRequest = {
    path: '/invocations',
    headers: invocation.streams ? streamHeaders(headers) : modelHeaders(headers),
    body: invocation.body,
    deadlineMs: Date.now() + ANSWER_TIMEOUT_MS,
    client,
  };
  if (!variant.serverless)
    return answer(invocation, await attemptWithRetry({ entry, variant, server }, asked, aim, session), response);
  const pass = await enterServerless({ entry, variant, server }, asked);
  if ('code' in pass) return answerFault(response, requestId, pass);
  if (client.isGone) return pass.leave(); // its end has been told already
  response.once('close', pass.leave);
  await answer(invocation, await attemptWithRetry({ ...pass.place, server }, asked, aim, session), response);
}

async function answer(invocation: Invocation, outcome: Attempt, response: ServerResponse): Promise<void> {
  const { entry, requestId, headers } = invocation;
  if (outcome.kind === 'aborted') return;
  if (outcome.kind !== 'answered') return answerFault(response, requestId, faultOf(outcome, entry.route));
  const { variant, container, instance } = outcome;
  const sessions = entry.sessions.note(headers[SESSION_HEADER], outcome.answer.headers, { variant, instance });
  const origin = { variant, container, headers: sessions };
  if (invocation.streams && outcome.answer.isSuccess) await relayStream(outcome.answer, origin, invocation, response);
  else await relay(outcome.answer, origin, invocation, response);
}

/** The variant that the request names, that its session lives in, or whose turn it is. */
function chooseVariant(
  { variants, credits, route }: EndpointEntry,
  headers: IncomingHttpHeaders,
  session: SessionPlace | undefined,
): VariantEntry | RuntimeFault {
  const named = headers['x-amzn-sagemaker-target-variant'] ?? session?.variant;
  if (named !== undefined) {
    return variants.find(({ name }) => name === named) ?? variantAbsent(String(named), route.name);
  }
  return pickVariant(variants, credits, Math.random()) ?? variantAbsent('', route.name);
}

/** What a request is for within a model: one of its containers, one of its models, or neither. */
function aimOf({ containers, multiModel }: VariantEntry, headers: IncomingHttpHeaders): Aim | RuntimeFault {
  if (headers['x-amzn-sagemaker-inference-component'] !== undefined) return NO_COMPONENTS;
  const container = headers['x-amzn-sagemaker-target-container-hostname'];
  const model = headers['x-amzn-sagemaker-target-model'];
  const isDirect = containers?.mode === 'Direct';
  if (isDirect) {
    const place = containers.names.indexOf(String(container));
    if (place < 0)
      return targetFault(`TargetContainerHostname has to name one of the containers: ${containers.names.join(', ')}.`);
    if (!multiModel?.includes(place)) return model === undefined ? { place } : targetFault(NO_MODELS);
    return typeof model === 'string' ? { place, model } : targetFault(WHICH_MODEL);
  }
  if (container !== undefined)
    return targetFault(
      'TargetContainerHostname is for models of several containers with InferenceExecutionConfig Mode Direct only. Leave it out.',
    );
  if (!multiModel) return model === undefined ? {} : targetFault(NO_MODELS);
  return typeof model === 'string' ? { place: 0, model } : targetFault(WHICH_MODEL);
}

const NO_COMPONENTS: RuntimeFault = {
  status: 501,
  code: 'NotImplementedException',
  message: 'Inference components (InferenceComponentName) are not implemented yet. Leave it out.',
};
const NO_MODELS = 'TargetModel is for multi-model containers only. Leave it out.';
const WHICH_MODEL =
  'This endpoint serves several models: TargetModel has to name the archive to use, below the S3 prefix of the model.';

/** What a streamed answer may be has a header of its own: `Accept` would be about the event stream. */
function streamHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const { accept: _stream, 'x-amzn-sagemaker-accept': accept, ...kept } = modelHeaders(headers);
  return accept === undefined ? kept : { ...kept, accept };
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
