import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Write } from '../../platform/store/port.ts';
import { writeOf } from '../../platform/store/typed-rows.ts';
import type { Outcome } from './decide-outcome.ts';

/** Invocations that outlive their call: asynchronous ones, and those that a room asked for under a request id. */

export const INVOCATION_KIND = 'FunctionInvocation';

export interface InvocationDocument {
  readonly requestId: string;
  readonly functionName: string;
  readonly qualifier?: string;
  readonly payload: string;
  /** Base64. */
  readonly clientContext?: string;
  /** `event`: nobody asks for the result, failures are tried again. `recorded`: run at most once, the result is kept. */
  readonly kind: 'event' | 'recorded';
  readonly status: 'Queued' | 'Running' | 'Succeeded' | 'Failed';
  /** How often it was run and failed. */
  readonly failures: number;
  /** Where it runs; from before the environment is asked. */
  readonly running?: { readonly workId: string; readonly startedAtMs: number };
  readonly outcome?: Outcome;
  readonly queuedAtMs: number;
  readonly notBeforeMs: number;
}

export const invocationKey = (fn: Pick<ResourceKey, 'account' | 'region'>, name: string, requestId: string): ResourceKey => ({
  account: fn.account,
  region: fn.region,
  kind: INVOCATION_KIND,
  name: `${name}/${requestId}`,
});

export const invocationWrite = (key: ResourceKey, document: InvocationDocument, nowMs: number): Write =>
  writeOf(key, document, {
    parent: document.functionName,
    status: document.status,
    createdAtMs: document.queuedAtMs,
    modifiedAtMs: nowMs,
  });
