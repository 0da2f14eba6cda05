import { parseArn } from '../../platform/resources/arn.ts';
import { retryDelayMs, type Outcome } from './decide-outcome.ts';
import type { InvocationDocument } from './invocations.ts';

/** What follows the end of an asynchronous invocation. Pure. */

/** As a function's EventInvokeConfig and DeadLetterConfig say. */
export interface EventPolicy {
  readonly retries: number;
  readonly maxAgeMs: number;
  readonly onSuccess?: string;
  readonly onFailure?: string;
  /** Gets the event itself, where `onFailure` would get a record of what happened to it. */
  readonly deadLetter?: string;
}

export const RETRIES_MAX = 2;
export const EVENT_AGE_SECONDS_MAX = 6 * 3600;

export interface Message {
  readonly to: { readonly kind: 'queue' | 'function'; readonly arn: string };
  readonly body: string;
}

export type EventEnd =
  | { readonly kind: 'retry'; readonly atMs: number }
  | { readonly kind: 'end'; readonly messages: readonly Message[] };

export interface EventFacts {
  readonly functionArn: string;
  readonly version: string;
  readonly nowMs: number;
  readonly retryDelaysMs: readonly number[] | undefined;
}

export function decideEventEnd(document: InvocationDocument, outcome: Outcome, policy: EventPolicy, facts: EventFacts): EventEnd {
  if (!outcome.functionError) return endWith(policy.onSuccess, recordOf(document, outcome, 'Success', facts));
  const failures = document.failures + 1;
  const delayMs = retryDelayMs(failures, facts.retryDelaysMs);
  const aged = facts.nowMs + (delayMs ?? 0) - document.queuedAtMs > policy.maxAgeMs;
  if (failures <= policy.retries && delayMs !== undefined && !aged) return { kind: 'retry', atMs: facts.nowMs + delayMs };
  const condition = failures <= policy.retries && aged ? 'EventAgeExceeded' : 'RetriesExhausted';
  const told = endWith(policy.onFailure, recordOf(document, outcome, condition, facts));
  const dead = endWith(policy.deadLetter, document.payload);
  return { kind: 'end', messages: [...told.messages, ...dead.messages] };
}

function endWith(arn: string | undefined, body: string): EventEnd & { readonly kind: 'end' } {
  const kind = arn === undefined ? undefined : targetKind(arn);
  return { kind: 'end', messages: arn !== undefined && kind ? [{ to: { kind, arn }, body }] : [] };
}

/** What a destination can be here: a queue or a function. */
export function targetKind(arnText: string): 'queue' | 'function' | undefined {
  const service = parseArn(arnText)?.service;
  return service === 'sqs' ? 'queue' : service === 'lambda' ? 'function' : undefined;
}

/** The record of Lambda's developer guide, "Retaining records of asynchronous invocations". */
function recordOf(
  { requestId, payload, failures }: InvocationDocument,
  outcome: Outcome,
  condition: string,
  { functionArn, version, nowMs }: EventFacts,
): string {
  return JSON.stringify({
    version: '1.0',
    timestamp: new Date(nowMs).toISOString(),
    requestContext: { requestId, functionArn: `${functionArn}:${version}`, condition, approximateInvokeCount: failures + 1 },
    requestPayload: jsonOf(payload),
    responseContext: {
      statusCode: 200,
      executedVersion: version,
      ...(outcome.functionError && { functionError: outcome.functionError }),
    },
    responsePayload: jsonOf(outcome.payload),
  });
}

function jsonOf(text: string): unknown {
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    return text; // a handler may answer NaN, which is no JSON
  }
}
