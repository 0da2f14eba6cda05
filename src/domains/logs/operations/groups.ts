import type { LogGroup } from '../../../contract/generated/logs.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { existsError, type Place, placeOf } from '../../../platform/resources/declaration.ts';
import { tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Row } from '../../../platform/store/port.ts';
import { decodeCursor, encodeCursor, invalidParameter, readGroup } from '../group-access.ts';
import { finishDeletion } from '../reconcile-deletion.ts';
import { groupAccessArn, groupArn, groupKey, LOG_GROUP, LOGS_DELETION, type LogGroupDocument } from '../resources.ts';
import type { LogsRoomPorts } from '../ports.ts';

const GROUPS_MAX = 50;

export const createLogGroup = (ports: LogsRoomPorts): Operation<'logs:CreateLogGroup'> =>
  operation('logs:CreateLogGroup', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'logs:CreateLogGroup', resources: [groupAccessArn(placeOf(context), input.logGroupName)] },
    ],
    async handle(input, context) {
      const place = placeOf(context);
      const name = input.logGroupName;
      if (input.kmsKeyId !== undefined) {
        throw new ServiceError('NotImplementedException', 'Encrypting log groups with kmsKeyId is not implemented.');
      }
      const tags = Object.entries(input.tags ?? {}).map(([Key, Value]) => ({ Key, Value }));
      const key = groupKey(place, name);
      await decideAndCommit(ports.store, async (count) => {
        const found = await ports.store.get<LogGroupDocument>(key);
        if (found?.document.deletion) {
          await finishDeletion(ports, key, context.nowMs);
        } else if (found) {
          // On a second look it may be our own commit whose answer was lost.
          if (count > 0 && found.index.createdAtMs === context.nowMs) return { result: undefined };
          throw existsError(LOG_GROUP, place, name);
        }
        const document: LogGroupDocument = { name, logGroupClass: input.logGroupClass ?? 'STANDARD' };
        const tagged = tagsWrite(groupArn(place, name), tags, context.nowMs);
        return {
          commit: {
            expect: [{ key, version: 0 }],
            write: [
              { key, document, index: { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs } },
              ...(tagged ? [tagged] : []),
            ],
            ledger: [entryOf(context, 'logs:CreateLogGroup', [groupArn(place, name)], { name: [null, name] })],
          },
          result: undefined,
        };
      });
      return {};
    },
  });

export const deleteLogGroup = (ports: LogsRoomPorts): Operation<'logs:DeleteLogGroup'> =>
  operation('logs:DeleteLogGroup', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'logs:DeleteLogGroup', resources: [groupAccessArn(placeOf(context), input.logGroupName)] },
    ],
    async handle(input, context) {
      const key = groupKey(placeOf(context), input.logGroupName);
      const deletion = { actor: context.principal.arn, requestId: context.requestId };
      await decideAndCommit(ports.store, async () => {
        const row = await readGroup(ports.store, placeOf(context), input.logGroupName);
        return {
          commit: {
            expect: [{ key, version: row.version }],
            write: [{ key, document: { ...row.document, deletion }, index: row.index }],
            timers: [{ reconciler: LOGS_DELETION, key, dueAtMs: context.nowMs }],
          },
          result: undefined,
        };
      });
      await finishDeletion(ports, key, context.nowMs);
      return {};
    },
  });

export const describeLogGroups = (ports: LogsRoomPorts): Operation<'logs:DescribeLogGroups'> =>
  operation('logs:DescribeLogGroups', {
    effect: 'read',
    needs: (_input, context) => [{ action: 'logs:DescribeLogGroups', resources: [groupAccessArn(placeOf(context), '')] }],
    async handle(input, context) {
      const place = placeOf(context);
      if (input.logGroupNamePrefix !== undefined && input.logGroupNamePattern !== undefined) {
        throw invalidParameter('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
      }
      const page = await ports.store.list<LogGroupDocument>({
        ...place,
        kind: LOG_GROUP.kind,
        ...(input.logGroupNamePrefix && { namePrefix: input.logGroupNamePrefix }),
        ...(input.logGroupNamePattern && { nameContains: input.logGroupNamePattern }),
        sortBy: 'name',
        order: 'ascending',
        after: decodeCursor(input.nextToken),
        limit: input.limit ?? GROUPS_MAX,
      });
      const rows = page.rows.filter(
        ({ document }) =>
          !document.deletion && (input.logGroupClass === undefined || document.logGroupClass === input.logGroupClass),
      );
      return {
        logGroups: rows.map((row) => describeGroup(place, row)),
        ...(page.next && { nextToken: encodeCursor(page.next) }),
      };
    },
  });

function describeGroup(place: Place, { document, index }: Row<LogGroupDocument>): LogGroup {
  const arn = groupArn(place, document.name);
  return {
    logGroupName: document.name,
    creationTime: index.createdAtMs,
    metricFilterCount: 0,
    arn: `${arn}:*`,
    logGroupArn: arn,
    logGroupClass: document.logGroupClass as LogGroup['logGroupClass'],
    ...(document.retentionInDays !== undefined && { retentionInDays: document.retentionInDays }),
  };
}
