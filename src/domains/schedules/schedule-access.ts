import type { OperationContext } from '../../platform/calls/operation.ts';
import { absentError, placeOf } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import {
  DEFAULT_GROUP,
  type GroupDocument,
  groupKey,
  rowName,
  SCHEDULE,
  SCHEDULE_GROUP,
  type ScheduleDocument,
  scheduleKey,
} from './resources.ts';

export type ScheduleRow = Read<ScheduleDocument>;
type GroupRow = Read<GroupDocument>;
type Reads = Pick<Store, 'get'>;

export async function readSchedule(store: Reads, context: OperationContext, group: string, name: string): Promise<ScheduleRow> {
  const row = await readRow<ScheduleDocument>(store, scheduleKey(placeOf(context), group, name));
  if (!row) throw absentError(SCHEDULE, placeOf(context), rowName(group, name));
  return row;
}

/** The default group has no row: undefined. */
export async function readGroup(store: Reads, context: OperationContext, name: string): Promise<GroupRow | undefined> {
  const row = await readRow<GroupDocument>(store, groupKey(placeOf(context), name));
  if (!row && name !== DEFAULT_GROUP) throw absentError(SCHEDULE_GROUP, placeOf(context), name);
  return row;
}
