import { type EventInput, eventTime, type StoredEvent } from '../../platform/events/event.ts';
import type { JsonObject } from '../../platform/json.ts';
import { uuidOfText } from '../../platform/uuid-of-text.ts';
import { DEFAULT_BUS } from './resources.ts';

/** An event as patterns and targets see it. */
export interface BusEvent {
  readonly bus: string;
  readonly document: JsonObject;
  readonly receivedAtMs: number;
  readonly hops: number;
}

type Envelope = { readonly id: string } & Omit<EventInput, 'internal' | 'put'>;

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
    id: put?.id ?? uuidOfText(`event ${event.account} ${event.sequence}`),
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
