import type { Principal } from './authorization/principal.ts';
import type { JsonObject } from './json.ts';
import type { ResourceKey } from './resource-key.ts';
import type { TimerChange, Write } from './store/port.ts';

/** The reconciler that hands messages over; a room writes row and timer in the commit of what the message tells of. */
export const NOTICE = 'notice';
const KIND = 'Notice';

/** A message on its way from one room to a queue or function: it is repeated until it is taken or can never be. */
export type NoticeDocument = {
  to: { kind: 'queue' | 'function'; arn: string };
  body: string;
  /** Whose rights it is sent with: whoever set up that it be sent. */
  sender: JsonObject;
  /** ARN of what it tells of. */
  about: string;
  attempts: number;
};

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

/** A new delivery, under a name that the same change always gives. */
export function newNotice(key: ResourceKey, document: NoticeDocument, nowMs: number): { write: Write; timer: TimerChange } {
  return {
    write: { key, document, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } },
    timer: { reconciler: NOTICE, key, dueAtMs: nowMs },
  };
}
