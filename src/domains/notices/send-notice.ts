import type { InputOf, OperationName } from '../../contract/operations.ts';
import type { PolicyDocument } from '../../platform/authorization/policy.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import type { JsonObject } from '../../platform/json.ts';
import { type NoticeDocument, type NoticeTarget, principalOfRow } from '../../platform/notices.ts';
import type { WithForwarded } from '../../platform/ports/api-destinations.ts';
import type { WithSource } from '../../platform/ports/invocation.ts';
import { NO_MAIL } from '../../platform/ports/mail.ts';
import { isTaken, type OutgoingRequest } from '../../platform/ports/outgoing-http.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import { refusalOf, refusalOfStatus, type Refusal } from './decide-refusal.ts';
import type { NoticePorts } from './ports.ts';

type Message = Pick<NoticeDocument, 'body' | 'about'> & {
  readonly key: ResourceKey;
  readonly document: NoticeDocument;
  readonly sender: Principal;
  readonly createdAtMs: number;
};
type To<K extends NoticeTarget['kind']> = Extract<NoticeTarget, { kind: K }>;

/** A message was taken; what it started, by the name that its events have. */
export interface Taken {
  readonly work?: string;
}

export const isRefused = (end: Refusal | Taken): end is Refusal => 'code' in end;

/** Hands one message over. */
export async function sendNotice(
  ports: NoticePorts,
  key: ResourceKey,
  document: NoticeDocument,
  createdAtMs: number,
): Promise<Refusal | Taken> {
  const { to, body, about } = document;
  if (to.kind === 'http') return (await sendHttp(ports, { method: to.method, url: to.url, headers: to.headers, body })) ?? {};
  if (to.kind === 'mail') return (await sendMail(ports, to, body)) ?? {};
  let sender: Principal;
  try {
    sender = await senderOf(ports, key, document);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { code: 'FAILED_TO_ASSUME_ROLE', message: error.message, passing: false };
  }
  if (to.kind === 'destination') return (await sendToDestination(ports, to, body, sender)) ?? {};
  try {
    const message = { key, document, body, about, sender, createdAtMs };
    if (to.kind === 'call') return await startWork(ports, to, message);
    await callReceiver(ports, to, message);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return refusalOf(error);
  }
  return {};
}

async function senderOf({ roles }: NoticePorts, key: ResourceKey, document: NoticeDocument): Promise<Principal> {
  const { role, sender, about } = document;
  if (!role) return principalOfRow(sender ?? {});
  // A name that the ledger can be searched for; AWS gives a random one.
  const sessionName = key.name.replaceAll(/[^\w+=,.@-]/g, '-').slice(-64);
  const sessionPolicy = role.sessionPolicy as PolicyDocument | undefined;
  return roles.assume({
    account: key.account,
    roleArn: role.arn,
    service: role.service,
    sessionName,
    onBehalfOf: about,
    ...(sessionPolicy && { sessionPolicy }),
  });
}

async function callReceiver(ports: NoticePorts, to: NoticeTarget, message: Message): Promise<void> {
  switch (to.kind) {
    case 'function':
      return ask(ports, to, message, 'lambda:Invoke', {
        FunctionName: to.arn,
        InvocationType: 'Event',
        Payload: Buffer.from(message.body),
        Source: sourceOf(message),
      } as InputOf<'lambda:Invoke'> & WithSource);
    case 'queue':
      return sendToQueue(ports, to, message);
    case 'topic':
      return ask(ports, to, message, 'sns:Publish', {
        TopicArn: to.arn,
        Message: message.body,
        ...(to.subject !== undefined && { Subject: to.subject }),
        ...(to.arn.endsWith('.fifo') && { MessageGroupId: to.group ?? 'slipway', MessageDeduplicationId: tokenOf(message.key) }),
        Source: sourceOf(message),
      } as InputOf<'sns:Publish'> & WithSource);
    case 'log-group':
      return sendToLog(ports, to, message);
    case 'bus': {
      const { Source = '', DetailType = '', Detail = '' } = envelopeOf(message.body);
      const input: InputOf<'events:PutEvents'> & WithForwarded = {
        Entries: [{ Source, DetailType, Detail, EventBusName: to.arn }],
        Forwarded: { event: message.body, hops: message.document.hops ?? 1 },
      };
      return ask(ports, to, message, 'events:PutEvents', input);
    }
    case 'sdk':
      return callUniversal(ports, to, message);
    default:
      return undefined;
  }
}

async function startWork({ calls }: NoticePorts, to: To<'call'>, { key, sender }: Message): Promise<Taken> {
  const origin = { region: parseArn(to.arn)?.region || key.region, requestId: key.name };
  const input = to.input as unknown as InputOf<typeof to.operation>;
  const answer = (await calls.call(sender, origin, to.operation, input)) as {
    PipelineExecutionArn?: string;
    pipelineExecutionId?: string;
    build?: { arn?: string };
  };
  const work = answer.PipelineExecutionArn ?? answer.pipelineExecutionId ?? answer.build?.arn;
  return work === undefined ? {} : { work };
}

async function callUniversal(ports: NoticePorts, to: To<'sdk'>, message: Message): Promise<void> {
  let json: JsonObject;
  try {
    json = JSON.parse(message.body) as JsonObject;
  } catch {
    throw new ServiceError('ValidationException', 'The input is not valid JSON.');
  }
  const made = ports.universal?.inputOf(to.operation, json, tokenOf(message.key)) ?? {
    problem: 'No calls of users are made here.',
  };
  if ('problem' in made) throw new ServiceError('ValidationException', made.problem);
  await ask(ports, to, message, to.operation, made.input as InputOf<typeof to.operation>);
}

async function ask<N extends OperationName>(
  { calls }: NoticePorts,
  to: { readonly arn: string },
  { key, sender }: Message,
  name: N,
  input: InputOf<N>,
): Promise<void> {
  await calls.call(sender, { region: parseArn(to.arn)?.region || key.region, requestId: key.name }, name, input);
}

/** Whom a resource policy of the receiver may let in. */
const sourceOf = ({ document, about, key }: Message) => ({
  service: document.service ?? `${parseArn(about)?.service}.amazonaws.com`,
  arn: about,
  account: key.account,
});

async function sendToQueue(ports: NoticePorts, to: To<'queue'>, message: Message): Promise<void> {
  const arn = parseArn(to.arn);
  const attributes = Object.entries(to.attributes ?? {});
  await ask(ports, to, message, 'sqs:SendMessage', {
    QueueUrl: `https://sqs.${arn?.region}.amazonaws.com/${arn?.account}/${arn?.resource}`,
    MessageBody: message.body,
    ...(attributes.length > 0 && {
      MessageAttributes: Object.fromEntries(attributes.map(([name, value]) => [name, attributeOf(value)])),
    }),
    ...(to.group !== undefined && { MessageGroupId: to.group }),
    ...(to.arn.endsWith('.fifo') && { MessageGroupId: to.group ?? 'slipway', MessageDeduplicationId: tokenOf(message.key) }),
    Source: sourceOf(message),
  } as InputOf<'sqs:SendMessage'> & WithSource);
}

function attributeOf(value: string | { readonly type: string; readonly value: string }) {
  if (typeof value === 'string') return { DataType: 'String', StringValue: value || '-' };
  const isBinary = value.type.split('.')[0] === 'Binary';
  return {
    DataType: value.type,
    ...(isBinary ? { BinaryValue: Buffer.from(value.value, 'base64') } : { StringValue: value.value }),
  };
}

/** The group's stream of the day the message is of, made when it is not there. */
async function sendToLog(ports: NoticePorts, to: To<'log-group'>, message: Message): Promise<void> {
  const logGroupName = /^log-group:([^:]+)/.exec(parseArn(to.arn)?.resource ?? '')?.[1] ?? '';
  const logStreamName = new Date(message.createdAtMs).toISOString().slice(0, 10);
  const put = () =>
    ask(ports, to, message, 'logs:PutLogEvents', {
      logGroupName,
      logStreamName,
      logEvents: [{ timestamp: message.createdAtMs, message: message.body }],
    });
  try {
    await put();
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'ResourceNotFoundException') throw error;
    try {
      await ask(ports, to, message, 'logs:CreateLogStream', { logGroupName, logStreamName });
    } catch (again) {
      // another message of the same day may have made it meanwhile
      if (!(again instanceof ServiceError) || again.code !== 'ResourceAlreadyExistsException') throw again;
    }
    await put();
  }
}

async function sendToDestination(
  ports: NoticePorts,
  to: To<'destination'>,
  body: string,
  sender: Principal,
): Promise<Refusal | undefined> {
  const decision = await ports.authorizer?.authorize(sender, [{ action: 'events:InvokeApiDestination', resources: [to.arn] }]);
  if (decision && !decision.allowed) return { code: 'NO_PERMISSIONS', message: decision.message, passing: false };
  const request = await ports.destinations?.requestTo(to.arn, body, to.http ?? {});
  if (!request || 'gone' in request) {
    return { code: 'NO_RESOURCE', message: request?.gone ?? 'This server has no API destinations.', passing: false };
  }
  return sendHttp(ports, request);
}

async function sendHttp({ outgoing }: NoticePorts, request: OutgoingRequest): Promise<Refusal | undefined> {
  if (!outgoing)
    return { code: 'INVALID_PARAMETER', message: 'This server sends nothing to addresses of users.', passing: false };
  const result = await outgoing.send(request);
  if (result.outcome === 'answered') return isTaken(result) ? undefined : refusalOfStatus(result.status);
  const { reason, message } = result;
  if (reason === 'refused') return { code: 'INVALID_PARAMETER', message, passing: false };
  return { code: reason === 'timed-out' ? 'TIMEOUT' : 'CONNECTION_FAILURE', message, passing: true };
}

async function sendMail(
  { mail }: NoticePorts,
  { address, subject, messageId }: To<'mail'>,
  text: string,
): Promise<Refusal | undefined> {
  if (!mail) return { code: 'INVALID_PARAMETER', message: NO_MAIL, passing: false };
  try {
    await mail.send({ to: address, subject, text, messageId });
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    return { code: 'CONNECTION_FAILURE', message: error.message, passing: error.retryable };
  }
  return undefined;
}

/** The same for every attempt: the receiver drops what it has had. */
const tokenOf = ({ name }: ResourceKey): string => name.replaceAll(/[^\w-]/g, '-').slice(-128);

function envelopeOf(text: string): { Source?: string; DetailType?: string; Detail?: string } {
  const event = JSON.parse(text) as { source?: string; 'detail-type'?: string; detail?: unknown };
  return { Source: event.source, DetailType: event['detail-type'], Detail: JSON.stringify(event.detail ?? {}) };
}
