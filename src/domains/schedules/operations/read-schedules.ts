import type { GetScheduleOutput } from '../../../contract/generated/scheduler.ts';
import { type AnyOperation, operation } from '../../../platform/calls/operation.ts';
import { DEFAULT_RETRY } from '../../../platform/decide-notice-target.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { listRows } from '../../../platform/store/typed-rows.ts';
import type { SchedulesPorts } from '../ports.ts';
import { DEFAULT_GROUP, rowName, SCHEDULE, scheduleArn, type ScheduleDocument } from '../resources.ts';
import { readGroup, readSchedule } from '../schedule-access.ts';

const PAGE = 100;

export const readScheduleOperations = (ports: SchedulesPorts): AnyOperation[] => [getSchedule(ports), listSchedules(ports)];

const getSchedule = (ports: SchedulesPorts) =>
  operation('scheduler:GetSchedule', {
    effect: 'read',
    needs: (input, context) => [
      {
        action: 'scheduler:GetSchedule',
        resources: [scheduleArn(placeOf(context), input.GroupName ?? DEFAULT_GROUP, input.Name)],
      },
    ],
    async handle(input, context) {
      const { document } = await readSchedule(ports.store, context, input.GroupName ?? DEFAULT_GROUP, input.Name);
      return described(document, scheduleArn(placeOf(context), document.group, document.name));
    },
  });

const described = (document: ScheduleDocument, Arn: string): GetScheduleOutput => ({
  Arn,
  GroupName: document.group,
  Name: document.name,
  ScheduleExpression: document.expression,
  ScheduleExpressionTimezone: document.timeZone,
  ...(document.startMs !== undefined && { StartDate: document.startMs }),
  ...(document.endMs !== undefined && { EndDate: document.endMs }),
  ...(document.description !== undefined && { Description: document.description }),
  State: document.state,
  CreationDate: document.createdAtMs,
  LastModificationDate: document.modifiedAtMs,
  Target: { ...document.target, RetryPolicy: { ...DEFAULT_RETRY, ...document.target.RetryPolicy } },
  FlexibleTimeWindow:
    document.windowMs === 0 ? { Mode: 'OFF' } : { Mode: 'FLEXIBLE', MaximumWindowInMinutes: document.windowMs / 60_000 },
  ActionAfterCompletion: document.afterCompletion,
});

const listSchedules = (ports: SchedulesPorts) =>
  operation('scheduler:ListSchedules', {
    effect: 'read',
    needs: (input, context) => [
      { action: 'scheduler:ListSchedules', resources: [scheduleArn(placeOf(context), input.GroupName ?? '*', '*')] },
    ],
    async handle(input, context) {
      const { GroupName: group, NamePrefix: prefix, State: status } = input;
      if (group !== undefined) await readGroup(ports.store, context, group);
      const page = await listRows<ScheduleDocument>(ports.store, {
        ...placeOf(context),
        kind: SCHEDULE.kind,
        ...(group !== undefined && { parent: group, ...(prefix && { namePrefix: rowName(group, prefix) }) }),
        ...(status && { status }),
        sortBy: 'name',
        order: 'ascending',
        after: decodePageToken(input.NextToken),
        limit: input.MaxResults ?? PAGE,
      });
      const token = encodePageToken(page.next);
      return {
        // names stand behind their group in the index: without one, a page may hold fewer than asked for
        Schedules: page.rows
          .filter(({ document }) => document.name.startsWith(prefix ?? ''))
          .map(({ document }) => ({
            Arn: scheduleArn(placeOf(context), document.group, document.name),
            Name: document.name,
            GroupName: document.group,
            State: document.state,
            CreationDate: document.createdAtMs,
            LastModificationDate: document.modifiedAtMs,
            Target: { Arn: document.target.Arn },
          })),
        ...(token !== undefined && { NextToken: token }),
      };
    },
  });
