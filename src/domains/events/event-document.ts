import { createHash } from 'node:crypto';
import { eventTime, type StoredEvent } from '../../platform/events/event.ts';
import type { JsonObject } from '../../platform/json.ts';
import { DEFAULT_BUS } from './resources.ts';

/** An event as patterns and targets see it. */
export interface BusEvent {
  readonly bus: string;
  readonly document: JsonObject;
  readonly receivedAtMs: number;
  readonly hops: number;
}

/** A UUID that the same text always gives. */
export function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export interface Envelope {
  readonly id: string;
  readonly source: string;
  readonly detailType: string;
  readonly account: string;
  readonly region: string;
  readonly timeMs: number;
  readonly resources: readonly string[];
  readonly detail: JsonObject;
}

/** The event's JSON; members in the order that AWS's have, times to the second. */
export const eventDocument = (event: Envelope): JsonObject => ({
  version: '0',
  id: event.id,
  'detail-type': event.detailType,
  source: event.source,
  account: event.account,
  time: eventTime(event.timeMs),
  region: event.region,
  resources: [...event.resources],
  detail: event.detail,
});

/** A committed event on its bus; those of services are named by their sequence. */
export function busEvent(event: StoredEvent): BusEvent {
  const { put } = event;
  const envelope: Envelope = {
    ...event,
    id: put?.id ?? uuidOf(`event ${event.account} ${event.sequence}`),
    account: put?.account ?? event.account,
    region: put?.region ?? event.region,
  };
  return {
    bus: put?.bus ?? DEFAULT_BUS,
    document: eventDocument(envelope),
    receivedAtMs: put?.receivedAtMs ?? event.timeMs,
    hops: put?.hops ?? 0,
  };
}
