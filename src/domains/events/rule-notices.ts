import { retryOf } from '../../platform/decide-notice-target.ts';
import type { JsonObject } from '../../platform/json.ts';
import { type NoticeDocument, newNotice, noticeKey } from '../../platform/notices.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import type { TimerChange, Write } from '../../platform/store/port.ts';
import { inputOf } from './decide-input.ts';
import { receiverOf, SERVICE } from './decide-target.ts';
import type { RuleDocument, TargetDocument } from './resources.ts';

/** So many notices of events may wait for their first attempt; then no more events are matched until some are on their way. */
export const NOTICES_LINE = 'events';
/** Those that start work: until they are taken it is not known which events come from it. */
export const STARTS_LINE = 'event-starts';

export interface Delivery {
  readonly write: Write;
  readonly timer: TimerChange;
}

/** A notice for each target of a rule that an event fits, under names that the same event always gives. */
export function noticesOf(
  place: Place,
  rule: RuleDocument,
  event: { readonly document: JsonObject; readonly receivedAtMs: number; readonly hops: number },
  nowMs: number,
): Delivery[] {
  return rule.targets.map((put) => {
    const eventId = String(event.document.id);
    const name = `events/${eventId}/${rule.bus}/${rule.name}/${put.target.Id}`;
    const notice = noticeOf(rule, put, event, eventId);
    return newNotice(noticeKey(place, name), notice, nowMs, notice.to.kind === 'call' ? STARTS_LINE : NOTICES_LINE);
  });
}

/** The role that a target names, less what was kept from who put the target: code in a job gains nothing by a rule. */
function roleOf(arn: string, { sessionPolicy }: JsonObject): NonNullable<NoticeDocument['role']> {
  return { arn, service: SERVICE, ...(sessionPolicy !== undefined && { sessionPolicy: sessionPolicy as JsonObject }) };
}

function noticeOf(
  rule: RuleDocument,
  { target, putBy }: TargetDocument,
  event: { readonly document: JsonObject; readonly receivedAtMs: number; readonly hops: number },
  eventId: string,
): NoticeDocument {
  const body = inputOf(target, event.document, {
    ruleArn: rule.arn,
    ruleName: rule.name,
    ingestedAtMs: event.receivedAtMs,
  });
  const letter = target.DeadLetterConfig?.Arn;
  const roleArn = target.RoleArn;
  const to = receiverOf(target, body, eventId) ?? { kind: 'function', arn: target.Arn }; // refused when it was put
  return {
    to,
    // from bus to bus an event stays what it is
    body: to.kind === 'bus' ? JSON.stringify(event.document) : body,
    sender: putBy,
    ...(roleArn !== undefined && { role: roleOf(roleArn, putBy) }),
    about: rule.arn,
    service: SERVICE,
    attempts: 0,
    retry: retryOf(target.RetryPolicy),
    ...(letter !== undefined && { deadLetter: { arn: letter, attributes: { RULE_ARN: rule.arn, TARGET_ARN: target.Arn } } }),
    hops: event.hops + 1,
  };
}

/** What a rule's dead letter queues get of an event that goes round in a circle. */
export function circledLetters(
  place: Place,
  rule: RuleDocument,
  event: { readonly document: JsonObject },
  nowMs: number,
): Delivery[] {
  return rule.targets.flatMap(({ target, putBy }) => {
    const arn = target.DeadLetterConfig?.Arn;
    if (arn === undefined) return [];
    const attributes = {
      RULE_ARN: rule.arn,
      TARGET_ARN: target.Arn,
      ERROR_CODE: 'EVENT_CIRCLED',
      ERROR_MESSAGE: 'Too many rules in a row passed this event on.',
      RETRY_ATTEMPTS: '0',
    };
    const key = noticeKey(place, `events/${String(event.document.id)}/${rule.bus}/${rule.name}/${target.Id}`);
    const to = { kind: 'queue', arn, attributes } as const;
    const letter = { to, body: JSON.stringify(event.document), sender: putBy, about: rule.arn, service: SERVICE, attempts: 0 };
    return newNotice(key, letter, nowMs, NOTICES_LINE);
  });
}
