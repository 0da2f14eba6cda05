import { missing, type Rejection } from '../../platform/errors/rejection.ts';

/** Delivery policies of URLs: how often and when a message is sent again; pure. Rules: "Message delivery retries" of AWS's guide of SNS. */

export interface RetryPolicy {
  readonly minDelayTarget: number;
  readonly maxDelayTarget: number;
  readonly numRetries: number;
  readonly numNoDelayRetries: number;
  readonly numMinDelayRetries: number;
  readonly numMaxDelayRetries: number;
  readonly backoffFunction: 'linear' | 'arithmetic' | 'geometric' | 'exponential';
}

const DEFAULT_RETRIES: RetryPolicy = {
  minDelayTarget: 20,
  maxDelayTarget: 20,
  numRetries: 3,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  numMaxDelayRetries: 0,
  backoffFunction: 'linear',
};

export interface DeliveryPolicy {
  readonly retries?: RetryPolicy;
  /** Subscriptions' own policies do not count. */
  readonly overridesDisabled?: boolean;
  readonly contentType?: string;
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const BACKOFFS = ['linear', 'arithmetic', 'geometric', 'exponential'];
const DELAY_SECONDS_MAX = 3600;

const wrong = (why: string): { rejection: Rejection } => ({
  rejection: { code: 'InvalidParameter', message: `Invalid parameter: DeliveryPolicy: ${why}` },
});

/** Text of the attribute of a topic (`{"http":{"defaultHealthyRetryPolicy":…}}`) or of a subscription (`{"healthyRetryPolicy":…}`). */
export function parseDeliveryPolicy(
  text: string,
  of: 'topic' | 'subscription',
): DeliveryPolicy | { readonly rejection: Rejection } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return wrong('it is not JSON');
  }
  const fields = of === 'topic' && isFields(parsed) && 'http' in parsed ? parsed['http'] : parsed;
  if (!isFields(fields)) return wrong('it must be a JSON object');
  const [retriesName, throttleName, requestName] =
    of === 'topic'
      ? ['defaultHealthyRetryPolicy', 'defaultThrottlePolicy', 'defaultRequestPolicy']
      : ['healthyRetryPolicy', 'throttlePolicy', 'requestPolicy'];
  const known = [retriesName, throttleName, requestName, 'disableSubscriptionOverrides', 'sicklyRetryPolicy', 'guaranteed'];
  const stray = Object.keys(fields).find((name) => !known.includes(name));
  if (stray !== undefined) return wrong(`unknown member ${stray.slice(0, 100)}`);
  if (fields[throttleName] !== undefined && fields[throttleName] !== null) {
    return { rejection: missing('Throttling of deliveries (throttlePolicy) is not implemented.') };
  }
  const retries =
    fields[retriesName] === undefined || fields[retriesName] === null ? undefined : parseRetries(fields[retriesName]);
  if (retries && 'rejection' in retries) return retries;
  const request = fields[requestName];
  const contentType = isFields(request) ? request['headerContentType'] : undefined;
  if (
    contentType !== undefined &&
    (typeof contentType !== 'string' || !/^[a-z]+\/[\w.+-]+(; ?charset=[\w-]+)?$/i.test(contentType))
  ) {
    return wrong('headerContentType is no content type');
  }
  return {
    ...(retries && { retries }),
    ...(fields['disableSubscriptionOverrides'] === true && { overridesDisabled: true }),
    ...(contentType !== undefined && { contentType }),
  };
}

function parseRetries(value: unknown): RetryPolicy | { readonly rejection: Rejection } {
  if (!isFields(value)) return wrong('the retry policy must be a JSON object');
  const policy: RetryPolicy = { ...DEFAULT_RETRIES, ...withoutNulls(value) };
  const counts = [policy.numRetries, policy.numNoDelayRetries, policy.numMinDelayRetries, policy.numMaxDelayRetries];
  if (!counts.every((count) => Number.isInteger(count) && count >= 0 && count <= 100)) {
    return wrong('numbers of retries must be between 0 and 100');
  }
  const { minDelayTarget: least, maxDelayTarget: most } = policy;
  if (!Number.isInteger(least) || !Number.isInteger(most) || least < 1 || most < least || most > DELAY_SECONDS_MAX) {
    return wrong(`minDelayTarget and maxDelayTarget must be between 1 and ${DELAY_SECONDS_MAX}, the first not the larger one`);
  }
  if (!BACKOFFS.includes(policy.backoffFunction)) return wrong(`backoffFunction must be one of ${BACKOFFS.join(', ')}`);
  if (policy.numNoDelayRetries + policy.numMinDelayRetries + policy.numMaxDelayRetries > policy.numRetries) {
    return wrong('numRetries must not be smaller than the retries of its parts together');
  }
  return policy;
}

const withoutNulls = (fields: Fields): Fields => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));

/** How long to wait before each retry, in milliseconds. */
export function retryDelaysMs(policy: RetryPolicy): number[] {
  const { numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries, minDelayTarget, maxDelayTarget } = policy;
  const backoffs = policy.numRetries - numNoDelayRetries - numMinDelayRetries - numMaxDelayRetries;
  const seconds = [
    ...Array<number>(numNoDelayRetries).fill(0),
    ...Array<number>(numMinDelayRetries).fill(minDelayTarget),
    ...Array.from({ length: backoffs }, (_, at) => backoffSeconds(policy, backoffs <= 1 ? 1 : at / (backoffs - 1))),
    ...Array<number>(numMaxDelayRetries).fill(maxDelayTarget),
  ];
  return seconds.map((one) => Math.round(one * 1000));
}

/** `part`: how far the phase of growing delays has come, from 0 to 1. */
function backoffSeconds({ minDelayTarget: least, maxDelayTarget: most, backoffFunction }: RetryPolicy, part: number): number {
  const span = most - least;
  if (backoffFunction === 'linear') return least + span * part;
  if (backoffFunction === 'arithmetic') return least + span * part * part;
  if (backoffFunction === 'geometric') return least * (most / least) ** part;
  return least + (span * (2 ** (part * 10) - 1)) / (2 ** 10 - 1);
}

/** The policy a subscription's messages go by: its own unless the topic forbids that, then the topic's, then AWS's default. */
export function effectivePolicy(topic: string | undefined, own: string | undefined): Required<DeliveryPolicy> {
  const ofTopic = topic ? parseDeliveryPolicy(topic, 'topic') : {};
  const ofOwn = own ? parseDeliveryPolicy(own, 'subscription') : {};
  const fromTopic: DeliveryPolicy = 'rejection' in ofTopic ? {} : ofTopic;
  const fromOwn: DeliveryPolicy = 'rejection' in ofOwn || fromTopic.overridesDisabled ? {} : ofOwn;
  return {
    overridesDisabled: fromTopic.overridesDisabled ?? false,
    retries: fromOwn.retries ?? fromTopic.retries ?? DEFAULT_RETRIES,
    contentType: fromOwn.contentType ?? fromTopic.contentType ?? 'text/plain; charset=UTF-8',
  };
}

/** As GetSubscriptionAttributes and GetTopicAttributes show it. */
export function shownPolicy(topic: string | undefined, own: string | undefined, of: 'topic' | 'subscription'): string {
  const { retries, contentType, overridesDisabled: disableSubscriptionOverrides } = effectivePolicy(topic, own);
  const request = { headerContentType: contentType };
  return JSON.stringify(
    of === 'topic'
      ? { http: { defaultHealthyRetryPolicy: retries, disableSubscriptionOverrides, defaultRequestPolicy: request } }
      : { healthyRetryPolicy: retries, sicklyRetryPolicy: null, throttlePolicy: null, requestPolicy: request, guaranteed: false },
  );
}
