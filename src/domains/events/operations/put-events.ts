import type { PutEventsRequestEntry, PutEventsResultEntry } from '../../../contract/generated/events.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import type { EventInput, PutEvent } from '../../../platform/events/event.ts';
import type { Json, JsonObject } from '../../../platform/json.ts';
import { matchesEvent } from '../../../platform/patterns/decide-match.ts';
import { parsePattern } from '../../../platform/patterns/decide-pattern.ts';
import type { WithForwarded } from '../../../platform/ports/api-destinations.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { ENTRIES_BYTES_MAX, entryBytes, isFailed, type ParsedEntry, parseEntry } from '../decide-entries.ts';
import { busNameOf } from '../rule-access.ts';
import { type BusDocument, busArn, busKey, DEFAULT_BUS } from '../resources.ts';
import type { EventsPorts } from '../ports.ts';

/**
 * Events of callers. They are committed before the answer, and rules see them from there; what cannot be an event fails by itself.
 * Like messages to queues and topics they leave no ledger entry: they are no changes of a resource.
 */
export const putEvents = (ports: EventsPorts): Operation<'events:PutEvents'> =>
  operation('events:PutEvents', {
    effect: 'change',
    needs: (input, context) => putNeeds(ports, input.Entries, context),
    async handle(input: { Entries: PutEventsRequestEntry[]; EndpointId?: string } & WithForwarded, context) {
      if (input.EndpointId !== undefined) {
        throw new ServiceError(
          'NotImplementedException',
          'Global endpoints are not implemented: put events on a bus of a region.',
        );
      }
      const sizeBytes = input.Entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
      const forwarded = context.client === undefined ? input.Forwarded : undefined;
      if (sizeBytes > ENTRIES_BYTES_MAX && !forwarded) {
        throw new ServiceError('ValidationException', 'Total size of the entries in the request is over the limit.');
      }
      const events: EventInput[] = [];
      const Entries: PutEventsResultEntry[] = [];
      for (const entry of input.Entries) {
        const parsed = parseEntry(entry, forwarded !== undefined);
        if (isFailed(parsed)) {
          Entries.push(parsed);
          continue;
        }
        const event = forwarded
          ? passedOn(context, entry, forwarded.event, forwarded.hops)
          : newEvent(ports, context, entry, parsed);
        // as at AWS, what goes to a bus that is not there is taken and seen by nobody
        if (await busIsThere(ports, context, event.put?.bus ?? DEFAULT_BUS)) events.push(event);
        Entries.push({ EventId: event.put?.id });
      }
      if (events.length > 0) {
        const { outcome } = await ports.store.commit({ expect: [], events });
        // asked for again they would come twice: whether they are there is not known
        if (outcome !== 'done') throw new BackendError('storage', `Events were not recorded: ${outcome}.`, { retryable: true });
      }
      return { FailedEntryCount: Entries.filter(({ ErrorCode }) => ErrorCode !== undefined).length, Entries };
    },
  });

/** Each bus that is meant, with its own policy. */
async function putNeeds(
  { store }: EventsPorts,
  entries: readonly PutEventsRequestEntry[],
  context: OperationContext,
): Promise<AuthorizationNeed[]> {
  const buses = [...new Set(entries.map(({ EventBusName }) => busNameOf(context, EventBusName)))];
  return Promise.all(
    buses.map(async (bus) => {
      const row = await readRow<BusDocument>(store, busKey(context, bus));
      const resourcePolicy = row?.document.policy;
      const of = entries.filter(({ EventBusName }) => busNameOf(context, EventBusName) === bus);
      return {
        action: 'events:PutEvents',
        resources: [busArn(context, bus)],
        context: {
          'events:source': of.map(({ Source = '' }) => Source),
          'events:detail-type': of.map(({ DetailType = '' }) => DetailType),
        },
        ...(resourcePolicy && { resourcePolicy }),
      };
    }),
  );
}

const busIsThere = async ({ store }: EventsPorts, context: OperationContext, bus: string): Promise<boolean> =>
  bus === DEFAULT_BUS || (await store.get(busKey(context, bus))) !== undefined;

function newEvent(ports: EventsPorts, context: OperationContext, entry: PutEventsRequestEntry, parsed: ParsedEntry): EventInput {
  const put: PutEvent = {
    bus: busNameOf(context, entry.EventBusName),
    id: ports.ids.uuid(),
    receivedAtMs: context.nowMs,
    hops: 0,
  };
  const { source, detailType, detail, resources, timeMs = context.nowMs } = parsed;
  return { source, detailType, detail, resources, timeMs, account: context.account, region: context.region, put };
}

/** An event on its next bus is what it was on the one before. */
function passedOn(context: OperationContext, entry: PutEventsRequestEntry, text: string, hops: number): EventInput {
  const event = JSON.parse(text) as Record<string, Json>;
  return {
    source: String(event['source']),
    detailType: String(event['detail-type']),
    detail: event['detail'] as JsonObject,
    resources: event['resources'] as string[],
    timeMs: Date.parse(String(event['time'])),
    account: context.account,
    region: context.region,
    put: {
      bus: busNameOf(context, entry.EventBusName),
      id: String(event['id']),
      account: String(event['account']),
      region: String(event['region']),
      receivedAtMs: context.nowMs,
      hops,
    },
  };
}

const REQUIRED = ['id', 'account', 'source', 'time', 'region', 'resources', 'detail-type'];

export const testEventPattern = (): Operation<'events:TestEventPattern'> =>
  operation('events:TestEventPattern', {
    effect: 'read',
    needs: () => [{ action: 'events:TestEventPattern', resources: ['*'] }],
    async handle(input) {
      const pattern = accepted(parsePattern(input.EventPattern));
      const event = parseTestEvent(input.Event);
      const absent = REQUIRED.find((member) => event[member] === undefined);
      if (absent !== undefined) {
        throw new ServiceError(
          'ValidationException',
          `Parameter Event is not valid. Reason: ${absent} is a required member of an event.`,
        );
      }
      return { Result: matchesEvent(pattern, event) };
    },
  });

function parseTestEvent(text: string): JsonObject {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch {
    throw new ServiceError('ValidationException', 'Parameter Event is not valid. Reason: it is no JSON.');
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new ServiceError('ValidationException', 'Parameter Event is not valid. Reason: an event is a JSON object.');
  }
  return event as JsonObject;
}
