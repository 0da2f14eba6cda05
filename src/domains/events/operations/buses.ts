import type { EventBus } from '../../../contract/generated/events.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { missing, refuse } from '../../../platform/errors/rejection.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { tagContext } from '../../../platform/resources/change-tags.ts';
import { existsError, type Place, placeOf } from '../../../platform/resources/declaration.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows, readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import { busNameOf, busNeeds, pageOf, readBus } from '../rule-access.ts';
import { BUS, type BusDocument, busArn, busKey, DEFAULT_BUS, RULE } from '../resources.ts';
import type { EventsPorts } from '../ports.ts';

const BUSES_MAX = 100;

export const createEventBus = (ports: EventsPorts): Operation<'events:CreateEventBus'> =>
  operation('events:CreateEventBus', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'events:CreateEventBus', resources: [busArn(context, input.Name)], context: tagContext(input.Tags ?? []) },
    ],
    async handle(input, context) {
      if (input.Name.startsWith('aws.'))
        refuse(missing('Partner event buses (CreateEventBus with an EventSourceName) are not implemented.'));
      if (input.Name.includes('/')) throw new ServiceError('ValidationException', "Event bus name must not contain '/'.");
      if (input.Name === DEFAULT_BUS) throw existsError(BUS, placeOf(context), input.Name);
      const arn = busArn(context, input.Name);
      const document: BusDocument = {
        name: input.Name,
        ...(input.Description !== undefined && { description: input.Description }),
        ...(input.DeadLetterConfig?.Arn !== undefined && { deadLetterArn: input.DeadLetterConfig.Arn }),
        createdAtMs: context.nowMs,
        modifiedAtMs: context.nowMs,
      };
      const key = busKey(context, input.Name);
      await decideAndCommit(ports.store, async (count) => {
        const row = await readRow<BusDocument>(ports.store, key);
        // on a second look it may be our own commit whose answer was lost
        if (row && count > 0 && row.document.createdAtMs === context.nowMs) return { result: undefined };
        if (row) throw existsError(BUS, placeOf(context), input.Name);
        await checkBusQuota(ports, context);
        const tags = tagsWrite(arn, input.Tags, context.nowMs);
        return {
          commit: {
            expect: [{ key, version: 0 }],
            write: [busWrite(context, document), ...(tags ? [tags] : [])],
            ledger: [entryOf(context, 'events:CreateEventBus', [arn], { name: [null, input.Name] })],
          },
          result: undefined,
        };
      });
      const { Description, DeadLetterConfig } = input;
      return {
        EventBusArn: arn,
        ...(Description !== undefined && { Description }),
        ...(DeadLetterConfig && { DeadLetterConfig }),
      };
    },
  });

async function checkBusQuota({ store }: EventsPorts, context: OperationContext): Promise<void> {
  const { rows } = await store.list({ ...pageOf(context, BUS.kind, {}), limit: BUSES_MAX });
  if (rows.length < BUSES_MAX) return;
  throw new ServiceError('LimitExceededException', 'The requested resource exceeds the maximum number allowed.');
}

export const busWrite = (place: Place, document: BusDocument) =>
  writeOf(busKey(place, document.name), document, { createdAtMs: document.createdAtMs, modifiedAtMs: document.modifiedAtMs });

export const deleteEventBus = (ports: EventsPorts): Operation<'events:DeleteEventBus'> =>
  operation('events:DeleteEventBus', {
    effect: 'change',
    needs: busNeeds<'events:DeleteEventBus'>('events:DeleteEventBus', 'Name'),
    async handle(input, context) {
      const name = busNameOf(context, input.Name);
      if (name === DEFAULT_BUS) throw new ServiceError('ValidationException', 'Cannot delete event bus default.');
      const arn = busArn(context, name);
      const key = busKey(context, name);
      await decideAndCommit(ports.store, async () => {
        const row = await readRow<BusDocument>(ports.store, key);
        if (!row) return { result: undefined }; // as at AWS
        const rules = await ports.store.list({ ...pageOf(context, RULE.kind, {}), parent: name, limit: 1 });
        if (rules.rows.length > 0) {
          throw new ServiceError('ValidationException', `Cannot delete event bus ${name} since it has rules. Delete them first.`);
        }
        return {
          commit: {
            expect: [{ key, version: row.version }],
            remove: [key, tagsKey(arn)],
            ledger: [entryOf(context, 'events:DeleteEventBus', [arn], { name: [name, null] })],
          },
          result: undefined,
        };
      });
      return {};
    },
  });

export const describeEventBus = (ports: EventsPorts): Operation<'events:DescribeEventBus'> =>
  operation('events:DescribeEventBus', {
    effect: 'read',
    needs: busNeeds<'events:DescribeEventBus'>('events:DescribeEventBus', 'Name'),
    async handle(input, context) {
      const name = busNameOf(context, input.Name);
      const document = (await readBus(ports.store, context, name))?.document;
      const letter = document?.deadLetterArn;
      return { ...describeBus(context, name, document), ...(letter !== undefined && { DeadLetterConfig: { Arn: letter } }) };
    },
  });

function describeBus(place: Place, name: string, document: BusDocument | undefined): EventBus {
  return {
    Name: name,
    Arn: busArn(place, name),
    ...(document?.description !== undefined && { Description: document.description }),
    ...(document?.policy && { Policy: JSON.stringify(document.policy) }),
    ...(document && name !== DEFAULT_BUS && { CreationTime: document.createdAtMs, LastModifiedTime: document.modifiedAtMs }),
  };
}

export const listEventBuses = (ports: EventsPorts): Operation<'events:ListEventBuses'> =>
  operation('events:ListEventBuses', {
    effect: 'read',
    needs: () => [{ action: 'events:ListEventBuses', resources: ['*'] }],
    async handle(input, context) {
      // the default bus is there without a row, and comes first of all pages
      const first = input.NextToken === undefined && DEFAULT_BUS.startsWith(input.NamePrefix ?? '');
      const { Limit } = input;
      const more = first && Limit !== undefined && Limit > 1 ? { ...input, Limit: Limit - 1 } : input;
      const page = await listRows<BusDocument>(ports.store, pageOf(context, BUS.kind, more));
      const buses = page.rows.map(({ document }) => describeBus(context, document.name, document));
      const hasRow = buses.some(({ Name }) => Name === DEFAULT_BUS);
      const token = encodePageToken(page.next);
      return {
        EventBuses: [...(first && !hasRow ? [describeBus(context, DEFAULT_BUS, undefined)] : []), ...buses],
        ...(token !== undefined && { NextToken: token }),
      };
    },
  });

export const updateEventBus = (ports: EventsPorts): Operation<'events:UpdateEventBus'> =>
  operation('events:UpdateEventBus', {
    effect: 'change',
    needs: busNeeds<'events:UpdateEventBus'>('events:UpdateEventBus', 'Name'),
    async handle(input, context) {
      const name = busNameOf(context, input.Name);
      const document = await changeBus(ports, context, name, 'events:UpdateEventBus', (before) => ({
        ...before,
        ...(input.Description !== undefined && { description: input.Description }),
        ...(input.DeadLetterConfig && { deadLetterArn: input.DeadLetterConfig.Arn }),
      }));
      return {
        Arn: busArn(context, name),
        Name: name,
        ...(document.description !== undefined && { Description: document.description }),
        ...(document.deadLetterArn !== undefined && { DeadLetterConfig: { Arn: document.deadLetterArn } }),
      };
    },
  });

/** Changes a bus; the default one gets its row with its first change. */
export async function changeBus(
  { store }: EventsPorts,
  context: OperationContext,
  name: string,
  action: string,
  change: (before: BusDocument) => BusDocument,
): Promise<BusDocument> {
  return decideAndCommit<BusDocument>(store, async () => {
    const row = await readBus(store, context, name);
    const before = row?.document ?? { name, createdAtMs: context.nowMs, modifiedAtMs: context.nowMs };
    const after: BusDocument = { ...change(before), modifiedAtMs: context.nowMs };
    const told = ({ modifiedAtMs: _time, ...rest }: BusDocument) => JSON.parse(JSON.stringify(rest)) as JsonObject;
    return {
      commit: {
        expect: [{ key: busKey(context, name), version: row?.version ?? 0 }],
        write: [busWrite(context, after)],
        ledger: [entryOf(context, action, [busArn(context, name)], { bus: [row ? told(before) : null, told(after)] })],
      },
      result: after,
    };
  });
}
