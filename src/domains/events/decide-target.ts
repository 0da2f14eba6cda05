import type { Target } from '../../contract/generated/events.ts';
import { noticeTarget } from '../../platform/decide-notice-target.ts';
import { invalid, missing, type Rejection } from '../../platform/errors/rejection.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { NoticeTarget } from '../../platform/notices.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import { rejectedInput } from './decide-input.ts';

export const SERVICE = 'events.amazonaws.com';

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
  const kind = receiverOf(target, '', '')?.kind;
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

/** Who gets an event of which a target's input is `body`; undefined: nobody here. `eventId` makes what is started start once. */
export function receiverOf(target: Target, body: string, eventId: string): NoticeTarget | undefined {
  const { Arn: arn, SqsParameters, SageMakerPipelineParameters, HttpParameters } = target;
  const { service = '', resource = '' } = parseArn(arn) ?? {};
  if (service === 'logs') return resource.startsWith('log-group:') ? { kind: 'log-group', arn } : undefined;
  if (service === 'events' && resource.startsWith('event-bus/')) return { kind: 'bus', arn };
  if (service === 'events' && resource.startsWith('api-destination/')) {
    const { PathParameterValues: path, HeaderParameters: headers, QueryStringParameters: query } = HttpParameters ?? {};
    return { kind: 'destination', arn, http: { ...(path && { path }), ...(headers && { headers }), ...(query && { query }) } };
  }
  const asked = {
    group: SqsParameters?.MessageGroupId,
    parameters: SageMakerPipelineParameters?.PipelineParameterList,
    members: (of: 'codepipeline' | 'codebuild') => membersOf(body, of === 'codebuild' ? isBuildMember : isPipelineMember),
  };
  return noticeTarget(arn, asked, eventId);
}

const isPipelineMember = (name: string): boolean => name === 'sourceRevisions' || name === 'variables';
const isBuildMember = (name: string): boolean => name === 'sourceVersion' || name.endsWith('Override');

/** What the input of a started work may say itself; an event as it is says nothing of it. */
const membersOf = (body: string, isOne: (name: string) => boolean): JsonObject =>
  Object.fromEntries(Object.entries(parseObject(body)).filter(([name]) => isOne(name)));

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    return {}; // a text in quotes is an input too, of which there are no members
  }
}
