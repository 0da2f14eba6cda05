import type { Target } from '../../contract/generated/events.ts';
import { missing, type Rejection } from '../../platform/errors/rejection.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { NoticeTarget } from '../../platform/notices.ts';
import { type Arn, parseArn } from '../../platform/resources/arn.ts';
import { rejectedInput } from './decide-input.ts';

export const SERVICE = 'events.amazonaws.com';
const RETRY_ATTEMPTS = 185;
const RETRY_SECONDS = 86_400;

type Kind = NoticeTarget['kind'];

/** Which kind of receiver an ARN names; undefined: one that nothing here is sent to. */
function kindOf({ service, resource }: Arn): Kind | undefined {
  switch (service) {
    case 'sqs':
      return 'queue';
    case 'lambda':
      return resource.startsWith('function:') ? 'function' : undefined;
    case 'sns':
      return 'topic';
    case 'logs':
      return resource.startsWith('log-group:') ? 'log-group' : undefined;
    case 'events':
      return resource.startsWith('event-bus/') ? 'bus' : resource.startsWith('api-destination/') ? 'destination' : undefined;
    case 'sagemaker':
      return resource.startsWith('pipeline/') ? 'call' : undefined;
    case 'codebuild':
      return resource.startsWith('project/') ? 'call' : undefined;
    case 'codepipeline':
      return 'call';
    default:
      return undefined;
  }
}

const invalid = (message: string): Rejection => ({ code: 'ValidationException', message });

/** What is looked at before it is asked whether the rule is there. */
export function rejectedForm({ Id, Arn: text, SqsParameters }: Target): Rejection | undefined {
  const arn = parseArn(text);
  if (!arn) return invalid(`Parameter ${text} is not valid. Reason: Provided Arn is not in correct format.`);
  const isFifo = arn.service === 'sqs' && arn.resource.endsWith('.fifo');
  if (!isFifo || SqsParameters?.MessageGroupId !== undefined) return undefined;
  return invalid(`Parameter(s) SqsParameters must be specified for target: ${Id}.`);
}

/** Why a target cannot be put on a rule. */
export function rejectedTarget(target: Target): Rejection | undefined {
  const { Id, Arn: text, RoleArn } = target;
  const arn = parseArn(text);
  const kind = arn && kindOf(arn);
  if (!kind) {
    return missing(
      `Target ${Id}: events are not sent to ${text}. Targets are queues, functions, topics, log groups, event buses, API destinations, SageMaker and CodePipeline pipelines and CodeBuild projects.`,
    );
  }
  if ((kind === 'call' || kind === 'destination') && RoleArn === undefined) {
    return invalid(`RoleArn is required for target ${Id}.`);
  }
  const letter = target.DeadLetterConfig?.Arn;
  if (letter !== undefined && (parseArn(letter)?.service !== 'sqs' || letter.endsWith('.fifo'))) {
    return invalid(`Parameter ${letter} is not valid. Reason: The dead-letter queue must be a standard SQS queue.`);
  }
  return rejectedInput(target);
}

/** Who gets an event of which a target's input is `body`. `eventId` makes what is started start once. */
export function receiverOf(target: Target, body: string, eventId: string): NoticeTarget {
  const arn = parseArn(target.Arn);
  const kind = arn && kindOf(arn);
  const to = { arn: target.Arn };
  switch (kind) {
    case 'queue':
      return { kind, ...to, ...(target.SqsParameters?.MessageGroupId && { group: target.SqsParameters.MessageGroupId }) };
    case 'destination': {
      const { PathParameterValues: path, HeaderParameters: headers, QueryStringParameters: query } = target.HttpParameters ?? {};
      return { kind, ...to, http: { ...(path && { path }), ...(headers && { headers }), ...(query && { query }) } };
    }
    case 'call':
      return startCall(target, arn as Arn, body, eventId);
    case 'function':
    case 'topic':
    case 'log-group':
    case 'bus':
      return { kind, ...to };
    default:
      return { kind: 'function', ...to }; // a target that was refused when it was put
  }
}

function startCall(target: Target, { service, resource }: Arn, body: string, eventId: string): NoticeTarget {
  const to = { kind: 'call', arn: target.Arn } as const;
  const name = resource.slice(resource.indexOf('/') + 1);
  if (service === 'codepipeline') {
    const input = { ...membersOf(body, ['sourceRevisions', 'variables']), name: resource, clientRequestToken: eventId };
    return { ...to, operation: 'codepipeline:StartPipelineExecution', input };
  }
  if (service === 'codebuild') {
    const input = { ...buildOverrides(body), projectName: name, idempotencyToken: eventId };
    return { ...to, operation: 'codebuild:StartBuild', input };
  }
  const list = target.SageMakerPipelineParameters?.PipelineParameterList;
  const PipelineParameters = list?.map(({ Name, Value }) => ({ Name, Value }));
  const input = { PipelineName: target.Arn, ClientRequestToken: eventId, ...(PipelineParameters && { PipelineParameters }) };
  return { ...to, operation: 'sagemaker:StartPipelineExecution', input };
}

/** What the input of a started work may say itself; an event as it is says nothing of it. */
function membersOf(body: string, names: readonly string[]): JsonObject {
  const given = parseObject(body);
  return Object.fromEntries(names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));
}

function buildOverrides(body: string): JsonObject {
  const given = parseObject(body);
  return Object.fromEntries(Object.entries(given).filter(([name]) => name.endsWith('Override') || name === 'sourceVersion'));
}

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    return {}; // a text in quotes is an input too, of which there are no members
  }
}

/** How often and how long a target is tried again. */
export const retryOf = ({ RetryPolicy }: Target): { attemptsMax: number; ageSecondsMax: number } => ({
  attemptsMax: RetryPolicy?.MaximumRetryAttempts ?? RETRY_ATTEMPTS,
  ageSecondsMax: RetryPolicy?.MaximumEventAgeInSeconds ?? RETRY_SECONDS,
});
