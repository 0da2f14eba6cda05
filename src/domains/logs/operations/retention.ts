import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { invalidParameter, readGroup } from '../group-access.ts';
import { groupAccessArn, groupArn, groupKey, LOGS_RETENTION, type LogGroupDocument } from '../resources.ts';
import type { LogsRoomPorts } from '../ports.ts';

/** AWS takes these numbers of days and no others. */
const DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

export const putRetentionPolicy = (ports: LogsRoomPorts): Operation<'logs:PutRetentionPolicy'> =>
  operation('logs:PutRetentionPolicy', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'logs:PutRetentionPolicy', resources: [groupAccessArn(placeOf(context), input.logGroupName)] },
    ],
    async handle(input, context) {
      const days = input.retentionInDays;
      if (!DAYS.includes(days)) {
        throw invalidParameter(`The retention of ${days} days is not one of those possible: [${DAYS.join(', ')}].`);
      }
      await changeRetention(ports, context, input.logGroupName, days);
      return {};
    },
  });

export const deleteRetentionPolicy = (ports: LogsRoomPorts): Operation<'logs:DeleteRetentionPolicy'> =>
  operation('logs:DeleteRetentionPolicy', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'logs:DeleteRetentionPolicy', resources: [groupAccessArn(placeOf(context), input.logGroupName)] },
    ],
    async handle(input, context) {
      await changeRetention(ports, context, input.logGroupName, undefined);
      return {};
    },
  });

/** A retention is looked after from now on; without one there is nothing to do. */
async function changeRetention(
  { store }: LogsRoomPorts,
  context: OperationContext,
  group: string,
  days: number | undefined,
): Promise<void> {
  const place = placeOf(context);
  await decideAndCommit(store, async () => {
    const { document, version, index } = await readGroup(store, place, group);
    const { retentionInDays: before, ...rest } = document;
    if (before === days) return { result: undefined };
    const after: LogGroupDocument = { ...rest, ...(days !== undefined && { retentionInDays: days }) };
    const key = groupKey(place, group);
    return {
      result: undefined,
      commit: {
        expect: [{ key, version }],
        write: [{ key, document: after, index: { ...index, modifiedAtMs: context.nowMs } }],
        timers: [{ reconciler: LOGS_RETENTION, key, dueAtMs: days === undefined ? null : context.nowMs }],
        ledger: [
          entryOf(context, context.operation, [groupArn(place, group)], { retentionInDays: [before ?? null, days ?? null] }),
        ],
      },
    };
  });
}
