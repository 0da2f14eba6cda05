import { missing, type Rejection } from '../../platform/errors/rejection.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import { parseFilter } from './decide-filter.ts';
import { parseDeliveryPolicy } from './decide-retries.ts';
import { invalidParameter, rejectionOf } from './decide-topic.ts';
import type { Attributes, Protocol } from './resources.ts';

/** Endpoints and attributes of subscriptions; pure. Words are those of AWS's Subscribe. */

const PROTOCOLS: readonly Protocol[] = ['http', 'https', 'email', 'email-json', 'sqs', 'lambda'];
const ABSENT_PROTOCOLS = ['sms', 'application', 'firehose'];

export function parseProtocol(text: string): Protocol | Rejection {
  const known = PROTOCOLS.find((protocol) => protocol === text);
  if (known) return known;
  if (ABSENT_PROTOCOLS.includes(text)) return missing(`Subscriptions of the protocol ${text} are not implemented.`);
  return invalidParameter(`Invalid protocol type: ${text.slice(0, 100)}`);
}

/** Why `endpoint` is none of the protocol's. Whether a URL may be reached is asked elsewhere. */
export function rejectedEndpoint(protocol: Protocol, endpoint: string, place: Place): Rejection | undefined {
  if (protocol === 'email' || protocol === 'email-json') {
    return /^[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,255}$/.test(endpoint) ? undefined : invalidParameter('Email address');
  }
  if (protocol === 'http' || protocol === 'https') {
    return endpoint.startsWith(`${protocol}://`) ? undefined : invalidParameter('Endpoint must match the specified protocol');
  }
  const arn = parseArn(endpoint);
  const service = protocol === 'sqs' ? 'sqs' : 'lambda';
  const named = arn?.service === service && arn.account === place.account && arn.region !== '';
  if (!named) return invalidParameter(protocol === 'sqs' ? 'SQS endpoint ARN' : 'Lambda endpoint ARN');
  if (protocol === 'sqs' && arn.resource.endsWith('.fifo')) {
    return invalidParameter('Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics');
  }
  return undefined;
}

export function rejectedSubscriptionAttributes(attributes: Attributes, protocol: Protocol): Rejection | undefined {
  for (const [name, value] of Object.entries(attributes)) {
    const rejection = rejectedSubscriptionAttribute(name, value, protocol, attributes);
    if (rejection) return rejection;
  }
  return undefined;
}

/** `all`: the attributes as they would be; a filter is read by its scope. */
export function rejectedSubscriptionAttribute(
  name: string,
  value: string,
  protocol: Protocol,
  all: Attributes,
): Rejection | undefined {
  switch (name) {
    case 'FilterPolicy':
      return value === '' || value === '{}' ? undefined : rejectionOf(parseFilter(value, scopeOf(all)));
    case 'FilterPolicyScope':
      return value === 'MessageAttributes' || value === 'MessageBody'
        ? undefined
        : invalidParameter(
            'FilterPolicyScope Reason: Invalid value [' +
              value.slice(0, 100) +
              ']. Please use either MessageBody or MessageAttributes',
          );
    case 'RawMessageDelivery':
      if (value !== 'true' && value !== 'false') {
        return invalidParameter(
          `Attributes Reason: RawMessageDelivery: Invalid value [${value.slice(0, 100)}]. Must be true or false.`,
        );
      }
      return value === 'true' && !['sqs', 'http', 'https'].includes(protocol)
        ? invalidParameter(`Attributes Reason: RawMessageDelivery is not supported for protocol type [${protocol}]`)
        : undefined;
    case 'RedrivePolicy':
      return value === '' || deadLetterOf(value)
        ? undefined
        : invalidParameter('RedrivePolicy: deadLetterTargetArn is an invalid arn');
    case 'DeliveryPolicy':
      if (protocol !== 'http' && protocol !== 'https') {
        return invalidParameter(`DeliveryPolicy is not supported for protocol type [${protocol}]`);
      }
      return value === '' ? undefined : rejectionOf(parseDeliveryPolicy(value, 'subscription'));
    case 'SubscriptionRoleArn':
    case 'ReplayPolicy':
      return missing(`The subscription attribute ${name} is not implemented.`);
    default:
      return invalidParameter('AttributeName');
  }
}

export const scopeOf = (attributes: Attributes): 'MessageAttributes' | 'MessageBody' =>
  attributes['FilterPolicyScope'] === 'MessageBody' ? 'MessageBody' : 'MessageAttributes';

/** The queue that takes what cannot be delivered; undefined when the policy names none. */
export function deadLetterOf(policy: string | undefined): string | undefined {
  let parsed: unknown;
  try {
    parsed = policy === undefined ? undefined : JSON.parse(policy);
  } catch {
    return undefined; // not JSON: names no queue
  }
  const target = (parsed as { deadLetterTargetArn?: unknown } | undefined)?.deadLetterTargetArn;
  return typeof target === 'string' && parseArn(target)?.service === 'sqs' ? target : undefined;
}

/** With what was set; empty values unset. */
export function mergedAttributes(before: Attributes, change: Attributes): Attributes {
  const merged = { ...before, ...change };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== ''));
}
