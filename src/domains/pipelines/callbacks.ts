import { createHash } from 'node:crypto';
import { EXPIRY_RECONCILER } from '../../platform/idempotency.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import type { Commit, Store } from '../../platform/store/port.ts';
import { type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import type { OutputParameterDefinition } from '../../../sdk/definition/index.ts';
import { toBase36 } from './decide-names.ts';

/** "A callback step waits at most seven days" (SageMaker's default time-out of the step). */
export const CALLBACK_TIMEOUT_MS = 7 * 24 * 3600 * 1000;
/** So long after that, a late answer is still told what became of the step. */
const REMEMBERED_MS = 30 * 24 * 3600 * 1000;
const TOKEN_LENGTH = 10;

/** The event that tells an execution of an answer; rooms alone use it. */
export const CALLBACK_ANSWERED = 'Pipeline Callback Answered';

/** What a callback step waits for: the answer to the token that its message carries. */
export type CallbackDocument = {
  token: string;
  executionName: string;
  executionArn: string;
  pipelineArn: string;
  stepName: string;
  outputs: OutputParameterDefinition[];
  status: 'Waiting' | 'Succeeded' | 'Failed' | 'Expired';
  /** Typed outputs of a success. */
  values?: JsonObject;
  failureReason?: string;
  /** Of the request that answered: the same one may be repeated. */
  answerDigest?: string;
  /** Whoever holds the token was told that the execution is stopping. */
  toldToStop?: boolean;
  createdAtMs: number;
};

export const callbackKey = ({ account, region }: Place, token: string): ResourceKey => ({
  account,
  region,
  kind: 'PipelineCallback',
  name: token,
});

/** The same however often it is asked for: a message that is sent again carries the token of the first. */
export function callbackToken(executionName: string, jobName: string): string {
  const digest = createHash('sha256').update(`callback#${executionName}#${jobName}`).digest('hex');
  return toBase36(digest, TOKEN_LENGTH);
}

export const readCallback = (store: Store, place: Place, token: string): Promise<Read<CallbackDocument> | undefined> =>
  readRow<CallbackDocument>(store, callbackKey(place, token));

/** The parts of a commit that write a callback over its earlier version. */
export function callbackWrite(
  place: Place,
  document: CallbackDocument,
  version: number,
  nowMs: number,
): Pick<Commit, 'expect' | 'write' | 'timers'> {
  const key = callbackKey(place, document.token);
  const index = { createdAtMs: document.createdAtMs, modifiedAtMs: nowMs, status: document.status };
  const dueAtMs = document.createdAtMs + CALLBACK_TIMEOUT_MS + REMEMBERED_MS;
  return {
    expect: [{ key, version }],
    write: [writeOf(key, document, index)],
    timers: [{ reconciler: EXPIRY_RECONCILER, key, dueAtMs }],
  };
}
