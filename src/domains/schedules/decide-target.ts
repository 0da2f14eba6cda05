import type { Target } from '../../contract/generated/scheduler.ts';
import type { OperationName } from '../../contract/operations.ts';
import { noticeTarget } from '../../platform/decide-notice-target.ts';
import { invalid, isRejection, missing, type Rejection } from '../../platform/errors/rejection.ts';
import type { NoticeTarget } from '../../platform/notices.ts';
import { type Arn, parseArn } from '../../platform/resources/arn.ts';

/** Targets of schedules; pure. Rules: "Managing targets" of EventBridge Scheduler's user guide. */

export const UNIVERSAL = /^arn:aws[a-z-]*:scheduler:::aws-sdk:([a-z0-9-]+):([A-Za-z0-9]+)$/;

/** What is known when a schedule fires; its values stand for `<aws.scheduler.…>` in inputs. */
export interface Firing {
  readonly scheduleArn: string;
  readonly executionId: string;
  readonly timeMs: number;
  readonly account: string;
  readonly region: string;
}

/** AWS writes times to the second. */
export const timeText = (timeMs: number): string => new Date(timeMs).toISOString().replace(/\.\d{3}Z$/, 'Z');

function withContext(text: string, firing: Firing): string {
  const values: Readonly<Record<string, string>> = {
    'schedule-arn': firing.scheduleArn,
    'scheduled-time': timeText(firing.timeMs),
    'execution-id': firing.executionId,
    'attempt-number': '1',
  };
  return text.replaceAll(/<aws\.scheduler\.([a-z-]+)>/g, (whole, name: string) => values[name] ?? whole);
}

/** Without input of its own a target gets an event that tells of the schedule. */
const defaultEvent = ({ scheduleArn, executionId, timeMs, account, region }: Firing): string =>
  JSON.stringify({
    version: '0',
    id: executionId,
    'detail-type': 'Scheduled Event',
    source: 'aws.scheduler',
    account,
    time: timeText(timeMs),
    region,
    resources: [scheduleArn],
    detail: '{}',
  });

export interface Message {
  readonly to: NoticeTarget;
  readonly body: string;
}

/** Why a target cannot be one; its role and universal operations are asked about elsewhere. */
export function rejectedTarget(target: Target): Rejection | undefined {
  const { Input, DeadLetterConfig } = target;
  if (DeadLetterConfig?.Arn !== undefined && parseArn(DeadLetterConfig.Arn)?.service !== 'sqs') {
    return invalid('Provided DeadLetterConfig Arn is not an SQS queue.');
  }
  if (target.EcsParameters) return missing('Tasks of ECS as targets are not implemented.');
  if (target.KinesisParameters) return missing('Streams of Kinesis as targets are not implemented.');
  if (target.EventBridgePutEventsV2Parameters || target.EventBridgePutRawEventsParameters) {
    return missing('Of EventBridge only PutEvents (EventBridgeParameters) is implemented as a target.');
  }
  const firing = { scheduleArn: '', executionId: '', timeMs: 0, account: '', region: '' };
  const universal = UNIVERSAL.test(target.Arn);
  const message = universal ? undefined : messageOf(target, firing);
  if (isRejection(message)) return message;
  const needsJson = universal || message?.to.kind === 'function' || message?.to.kind === 'call';
  return Input !== undefined && needsJson && parseJson(Input) === undefined ? invalid('Input is not valid JSON.') : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a templated target gets at one time. */
export function messageOf(target: Target, firing: Firing): Message | Rejection {
  const body = target.Input === undefined ? defaultEvent(firing) : withContext(target.Input, firing);
  const arn = parseArn(target.Arn);
  const to = arn && templated(target, arn, body, firing);
  if (!to) return invalid(`Provided Arn is not in correct format, or names no target of schedules: ${target.Arn.slice(0, 300)}`);
  return isRejection(to) ? to : { to, body };
}

function templated(
  target: Target,
  { service, resource }: Arn,
  body: string,
  firing: Firing,
): NoticeTarget | Rejection | undefined {
  const group = target.SqsParameters?.MessageGroupId;
  if (service === 'sqs' && resource.endsWith('.fifo') && !group) {
    return invalid('SqsParameters.MessageGroupId is required for FIFO queues.');
  }
  if (service === 'sns' && resource.includes(':')) return undefined; // a subscription
  if (service === 'events') return resource.startsWith('event-bus/') ? busCall(target, body, firing) : undefined;
  const list = target.SageMakerPipelineParameters?.PipelineParameterList;
  const parameters = list?.map(({ Name, Value }) => ({ Name, Value: withContext(Value, firing) }));
  return noticeTarget(target.Arn, { group, parameters }, firing.executionId);
}

function busCall(target: Target, body: string, firing: Firing): NoticeTarget | Rejection {
  const { EventBridgeParameters: parameters } = target;
  if (!parameters) return invalid('EventBridgeParameters is required for an event bus.');
  const detail = target.Input === undefined ? '{}' : body;
  if (typeof parseJson(detail) !== 'object') return invalid('Input must be a JSON object for an event bus.');
  const entry = {
    Source: parameters.Source,
    DetailType: parameters.DetailType,
    Detail: detail,
    EventBusName: target.Arn,
    Time: firing.timeMs,
    Resources: [firing.scheduleArn],
  };
  return { kind: 'call', arn: target.Arn, operation: 'events:PutEvents', input: { Entries: [entry] } };
}

/** The same of a universal target, whose operation was found before. */
export const universalMessage = (target: Target, operation: OperationName, firing: Firing): Message => ({
  to: { kind: 'sdk', arn: target.Arn, operation },
  body: withContext(target.Input ?? '{}', firing),
});
