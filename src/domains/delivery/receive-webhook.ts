import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { SourceRevisionOverride } from '../../contract/generated/codepipeline.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { isHookSigned } from '../../platform/hook-signature.ts';
import type { Json } from '../../platform/json.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import { valueAt } from '../../platform/patterns/decide-json-path.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import { type Attempt, decideAndCommit } from '../../platform/store/attempt.ts';
import { type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import { readWebBody } from '../../platform/web-body.ts';
import { repositoryOf } from './decide-sources.ts';
import { isInRange, passesFilters } from './decide-webhook.ts';
import { uuidOf } from './names.ts';
import type { DeliveryPorts } from './ports.ts';
import { executionKey, incarnationOf, webhookKey } from './resources.ts';
import { readPipeline } from './rows.ts';
import { merged, resolveVariables, startParts } from './start-execution.ts';
import { HOOKS_PATH, type HookDocument, hookKey, secretOf, type WebhookDocument } from './webhook-rows.ts';

const BODY_BYTES_MAX = 1024 * 1024;

/** A request as the room judges it, whatever brought it. */
export interface HookRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly sourceIp: string;
}

interface HookAnswer {
  readonly status: number;
  readonly text: string;
}

/** Where other hosts tell of pushes. An address that is not there and a wrong signature look the same from outside. */
export const webhookRoute = (ports: DeliveryPorts): WebRoute => ({
  path: HOOKS_PATH,
  async handle(request, response, url) {
    const [account = '', region = '', hook = '', ...more] = url.pathname.slice(HOOKS_PATH.length).split('/');
    if (request.method !== 'POST' || more.length > 0) return send(response, { status: 405, text: 'A webhook takes POST.' });
    const body = await readWebBody(request, BODY_BYTES_MAX);
    if (!body) return send(response, { status: 413, text: `A message has at most ${BODY_BYTES_MAX} bytes.` });
    const sourceIp = request.socket.remoteAddress ?? '';
    send(response, await receiveWebhook(ports, { account, region }, hook, { headers: request.headers, body, sourceIp }));
  },
});

function send(response: ServerResponse, { status, text }: HookAnswer): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

const REFUSED: HookAnswer = { status: 403, text: 'Forbidden: no webhook of this address takes this message.' };

export async function receiveWebhook(
  ports: DeliveryPorts,
  place: Place,
  hook: string,
  request: HookRequest,
): Promise<HookAnswer> {
  const nowMs = ports.clock.now();
  const unique = deliveryOf(request) ?? ports.ids.uuid();
  const payload = parsePayload(request.body);
  try {
    return await decideAndCommit(ports.store, async () => {
      const webhook = await findWebhook(ports, place, hook, request);
      if (!webhook) return { result: REFUSED };
      if (payload === undefined) return { result: { status: 400, text: 'Bad request: the message is no JSON.' } };
      return startByWebhook(ports, place, webhook, payload, unique, nowMs);
    });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { status: 409, text: error.message };
  }
}

function parsePayload(body: Buffer): Json | undefined {
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}

/** The webhook of an address as it is now, if it takes the message. */
async function findWebhook(
  ports: DeliveryPorts,
  place: Place,
  hook: string,
  request: HookRequest,
): Promise<Read<WebhookDocument> | undefined> {
  const named = await readRow<HookDocument>(ports.store, hookKey(place, hook));
  const webhook = named && (await readRow<WebhookDocument>(ports.store, webhookKey(place, named.document.name)));
  return webhook?.document.hook === hook && isGenuine(ports, webhook.document, request) ? webhook : undefined;
}

/** Signed with the secret, or from an address that may. */
function isGenuine({ sealingKey }: DeliveryPorts, document: WebhookDocument, { headers, body, sourceIp }: HookRequest): boolean {
  const { authentication, authenticationConfiguration } = document.definition;
  if (authentication === 'UNAUTHENTICATED') return true;
  if (authentication === 'IP') return isInRange(sourceIp, authenticationConfiguration.AllowedIPRange ?? '');
  const secret = secretOf(sealingKey, document);
  return secret !== undefined && isHookSigned(headers, body, secret);
}

/** What tells a message that is sent again from another: the sender's own id of it. */
function deliveryOf({ headers }: HookRequest): string | undefined {
  const id = headers['x-github-delivery'] ?? headers['x-gitlab-event-uuid'];
  return typeof id === 'string' && id !== '' ? id.slice(0, 200) : undefined;
}

async function startByWebhook(
  ports: DeliveryPorts,
  place: Place,
  webhook: Read<WebhookDocument>,
  payload: Json,
  unique: string,
  nowMs: number,
): Promise<Attempt<HookAnswer>> {
  const { definition, arn, restricted } = webhook.document;
  const pipeline = await readPipeline(ports.store, place, definition.targetPipeline);
  const { declaration } = pipeline.document;
  const action = declaration.stages[0]?.actions.find(({ name }) => name === definition.targetAction);
  if (!action || !passesFilters(definition, payload, action.configuration ?? {})) {
    return { result: { status: 200, text: 'The message passes no filter; nothing was started.' } };
  }
  const incarnation = incarnationOf(pipeline.document);
  const executionId = uuidOf('webhook', incarnation, arn, unique);
  const result = { status: 200, text: executionId };
  if (await ports.store.get(executionKey(place, incarnation, executionId))) return { result };
  const trigger = { type: 'Webhook' as const, detail: arn };
  const source = repositoryOf(action.actionTypeId.provider, action.configuration ?? {});
  const isAuthentic = definition.authentication !== 'UNAUTHENTICATED';
  const overrides = source && isAuthentic ? pushedCommit(payload, action.name, source.branch) : [];
  const variables = resolveVariables(declaration);
  const parts = await startParts(ports.store, place, pipeline, { executionId, trigger, overrides, variables, restricted }, nowMs);
  const document: WebhookDocument = { ...webhook.document, lastTriggeredAtMs: nowMs };
  const entry = ownEntry('delivery', place, {
    timeMs: nowMs,
    action: 'slipway:CodePipelineWebhook.Received',
    resources: [arn, pipeline.document.arn],
    changes: { executionId: [null, executionId] },
  });
  const received = {
    expect: [{ key: webhook.key, version: webhook.version }],
    write: [writeOf(webhook.key, document, { ...webhook.index, modifiedAtMs: nowMs })],
    ledger: [entry],
  };
  return { result, commit: merged(parts, received) };
}

/**
 * The commit that a push event names as the new head of the action's branch. Without one the action takes the head it finds: else a push to
 * another branch, or anybody where no message is authenticated, would choose what is delivered.
 */
function pushedCommit(payload: Json, actionName: string, branch: string): SourceRevisionOverride[] {
  const after = valueAt(payload, ['after']);
  if (valueAt(payload, ['ref']) !== `refs/heads/${branch}`) return [];
  if (typeof after !== 'string' || !/^[0-9a-f]{40}$/.test(after) || /^0+$/.test(after)) return [];
  return [{ actionName, revisionType: 'COMMIT_ID', revisionValue: after }];
}
