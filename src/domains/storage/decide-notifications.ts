import type {
  EventBridgeConfiguration,
  NotificationConfiguration,
  NotificationConfigurationFilter,
} from '../../contract/generated/s3.ts';
import { isRejection, type Rejection } from '../../platform/errors/rejection.ts';
import type { NotificationTarget } from './resources.ts';

const EVENTS = [
  's3:ObjectCreated:*',
  's3:ObjectCreated:Put',
  's3:ObjectCreated:Post',
  's3:ObjectCreated:Copy',
  's3:ObjectCreated:CompleteMultipartUpload',
  's3:ObjectRemoved:*',
  's3:ObjectRemoved:Delete',
  's3:ObjectRemoved:DeleteMarkerCreated',
  // may be asked for, and never comes: no object is lost to a cheaper storage class here
  's3:ReducedRedundancyLostObject',
];
const TARGETS_MAX = 100;

/** Whether `event` (`ObjectCreated:Put`) of `key` is one that this target asked for. */
export function isTold({ events, prefix = '', suffix = '' }: NotificationTarget, event: string, key: string): boolean {
  const asked = events.some(
    (name) => name === `s3:${event}` || (name.endsWith(':*') && `s3:${event}`.startsWith(name.slice(0, -1))),
  );
  return asked && key.startsWith(prefix) && key.endsWith(suffix);
}

interface Asked {
  readonly kind: 'queue' | 'function';
  readonly id: string | undefined;
  readonly arn: string;
  readonly events: readonly string[];
  readonly filter: NotificationConfigurationFilter | undefined;
}

/** The targets of a configuration, or what is wrong with it. `newId` names those that the caller did not. */
export function parseNotifications(
  given: NotificationConfiguration,
  newId: () => string,
): { targets: NotificationTarget[] } | Rejection {
  if (given.TopicConfigurations?.length) return unbuilt('TopicConfiguration (SNS)');
  const asked: Asked[] = [
    ...(given.QueueConfigurations ?? []).map((one) => ({
      kind: 'queue' as const,
      id: one.Id,
      arn: one.QueueArn,
      events: one.Events,
      filter: one.Filter,
    })),
    ...(given.LambdaFunctionConfigurations ?? []).map((one) => ({
      kind: 'function' as const,
      id: one.Id,
      arn: one.LambdaFunctionArn,
      events: one.Events,
      filter: one.Filter,
    })),
  ];
  if (asked.length > TARGETS_MAX) return invalid(`At most ${TARGETS_MAX} notification configurations are allowed on a bucket`);
  const targets: NotificationTarget[] = [];
  for (const one of asked) {
    const parsed = parseTarget(one, newId);
    if (isRejection(parsed)) return parsed;
    targets.push(parsed);
  }
  const ids = targets.map(({ id }) => id);
  if (new Set(ids).size < ids.length) return invalid('Configuration Ids must be unique');
  const bus: EventBridgeConfiguration | undefined = given.EventBridgeConfiguration;
  if (bus) targets.push({ id: 'EventBridge', kind: 'event-bus', arn: '', events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'] });
  return { targets };
}

function parseTarget(asked: Asked, newId: () => string): NotificationTarget | Rejection {
  const service = asked.kind === 'queue' ? 'sqs' : 'lambda';
  if (!new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]+:\\d{12}:.+`).test(asked.arn))
    return invalid('The ARN is not well formed');
  const wrong = asked.events.find((name) => !EVENTS.includes(name));
  if (wrong !== undefined) return invalid(`The event '${wrong}' is not supported for notifications`);
  const target: NotificationTarget = { id: asked.id || newId(), kind: asked.kind, arn: asked.arn, events: [...asked.events] };
  for (const { Name, Value } of asked.filter?.Key?.FilterRules ?? []) {
    const name = Name?.toLowerCase();
    if (name !== 'prefix' && name !== 'suffix') return invalid('filter rule name must be either prefix or suffix');
    if (target[name] !== undefined) return invalid(`Cannot specify more than one ${name} rule in a filter.`);
    target[name] = Value ?? '';
  }
  return target;
}

/** As GetBucketNotificationConfiguration gives it. */
export function notificationConfiguration(targets: readonly NotificationTarget[]): NotificationConfiguration {
  const queues = targets.filter(({ kind }) => kind === 'queue');
  const functions = targets.filter(({ kind }) => kind === 'function');
  return {
    ...(queues.length > 0 && { QueueConfigurations: queues.map((one) => ({ ...common(one), QueueArn: one.arn })) }),
    ...(functions.length > 0 && {
      LambdaFunctionConfigurations: functions.map((one) => ({ ...common(one), LambdaFunctionArn: one.arn })),
    }),
    ...(targets.some(({ kind }) => kind === 'event-bus') && { EventBridgeConfiguration: {} }),
  };
}

function common({ id, events, prefix, suffix }: NotificationTarget) {
  const rules = [
    ...(prefix === undefined ? [] : [{ Name: 'prefix' as const, Value: prefix }]),
    ...(suffix === undefined ? [] : [{ Name: 'suffix' as const, Value: suffix }]),
  ];
  return { Id: id, Events: events as never[], ...(rules.length > 0 && { Filter: { Key: { FilterRules: rules } } }) };
}

const invalid = (message: string): Rejection => ({ code: 'InvalidArgument', message });

const unbuilt = (what: string): Rejection => ({
  code: 'NotImplemented',
  message: `A header you provided implies functionality that is not implemented: ${what}.`,
});
