import type { OperationName } from '../contract/operations.ts';
import type { Principal } from './authorization/principal.ts';
import type { JsonObject } from './json.ts';
import type { OutgoingRequest } from './ports/outgoing-http.ts';
import type { ResourceKey } from './resource-key.ts';
import type { TimerChange, Write } from './store/port.ts';

/** The reconciler that hands messages over; a room writes row and timer in the commit of what the message tells of. */
export const NOTICE = 'notice';
const KIND = 'Notice';

/** Operations that a notice may be a call of; each is safe to repeat under the token its input carries. */
export type NoticeCall = Extract<
  OperationName,
  'sagemaker:StartPipelineExecution' | 'codepipeline:StartPipelineExecution' | 'codebuild:StartBuild' | 'events:PutEvents'
>;

/** Who gets a message, and in which form. Every `arn` is the receiver's. */
export type NoticeTarget =
  | {
      kind: 'queue';
      arn: string;
      /** FIFO queues keep its order, others serve groups fairly. */
      group?: string;
      /** Attributes of the message; a text is a String attribute, `value` of a Binary one is base64. */
      attributes?: { [name: string]: string | { type: string; value: string } };
    }
  | { kind: 'function'; arn: string }
  | { kind: 'topic'; arn: string; group?: string; subject?: string }
  /** The body becomes one event of the group's stream of that day. */
  | { kind: 'log-group'; arn: string }
  /** The body is the event as its first bus had it; it stays what it is, its id included. */
  | { kind: 'bus'; arn: string }
  /** `arn`: what is started; the input says all of it, the body is not looked at. */
  | { kind: 'call'; arn: string; operation: NoticeCall; input: JsonObject }
  /** A call that a user wrote out: the body is its input as JSON. */
  | { kind: 'sdk'; arn: string; operation: OperationName }
  /** An API destination: address and secrets are those it has when the message is sent. */
  | { kind: 'destination'; arn: string; http?: DestinationParameters }
  /** `arn`: of what the address belongs to, e.g. a subscription. */
  | { kind: 'http'; arn: string; url: string; method: OutgoingRequest['method']; headers: { [name: string]: string } }
  /** The body is the text. `arn`: of what the address belongs to. */
  | { kind: 'mail'; arn: string; address: string; subject: string; messageId: string };

/** What a target adds to the request of its API destination. */
export type DestinationParameters = {
  path?: string[];
  headers?: { [name: string]: string };
  query?: { [name: string]: string };
};

/** A message on its way from one room to a receiver: it is repeated until it is taken or can never be. */
export type NoticeDocument = {
  to: NoticeTarget;
  body: string;
  /** Whose rights it is sent with: whoever set up that it be sent. Absent where `role` says it. */
  sender?: JsonObject;
  /**
   * The role that is assumed for each attempt, and the service that assumes it. `sessionPolicy`: of whoever set that up, when their own session
   * has one: what bounds a job also bounds what it has others do.
   */
  role?: { arn: string; service: string; sessionPolicy?: JsonObject };
  /** ARN of what it tells of; a function's own policy may name it. */
  about: string;
  /** The service that a resource policy may name; the one of `about` where absent. */
  service?: string;
  /** So many have failed. */
  attempts: number;
  /**
   * For how long and how often it is tried again when the receiver is busy or broken; what a repetition cannot mend ends at once. Absent: a
   * few times, whatever was wrong.
   */
  retry?: {
    attemptsMax: number;
    ageSecondsMax: number /** The wait before each repetition; a growing one where absent. */;
    delaysMs?: number[];
  };
  /** The queue that gets what could not be handed over, with these attributes besides those that tell why. */
  deadLetter?: { arn: string; attributes: { [name: string]: string } };
  /** How many rules in a row led to it. */
  hops?: number;
};

/** Forgets what led to a work; key: `causeKey`. */
export const CAUSE = 'notice-cause';

/** How many rules in a row led to a work that a notice started, so that a rule which starts what it waits for is told from one that does not. */
export type CauseDocument = { hops: number };

/** `work`: what its events name it by, e.g. the ARN of a pipeline's execution. */
export const causeKey = (place: { readonly account: string; readonly region: string }, work: string): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind: 'NoticeCause',
  name: work,
});

/** A principal as rows keep it, without the key that one call was signed with. */
export function storedPrincipal({ accessKeyId: _ofOneCall, ...principal }: Principal): JsonObject {
  return JSON.parse(JSON.stringify(principal)) as JsonObject;
}

export const principalOfRow = (stored: JsonObject): Principal => stored as unknown as Principal;

export const noticeKey = (place: { readonly account: string; readonly region: string }, name: string): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind: KIND,
  name,
});

/**
 * A new delivery, under a name that the same change always gives. Who makes many at a time names a `line`: until its first attempt a notice has
 * ordinal 1 there, so that they can be counted.
 */
export function newNotice(
  key: ResourceKey,
  document: NoticeDocument,
  nowMs: number,
  line?: string,
): { write: Write; timer: TimerChange } {
  return {
    write: { key, document, index: { createdAtMs: nowMs, modifiedAtMs: nowMs, ...(line && { parent: line, ordinal: 1 }) } },
    timer: { reconciler: NOTICE, key, dueAtMs: nowMs },
  };
}
