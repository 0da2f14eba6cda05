import type { Room } from '../../platform/calls/operation.ts';
import { groupOperations } from './operations/groups.ts';
import { readScheduleOperations } from './operations/read-schedules.ts';
import { writeScheduleOperations } from './operations/write-schedules.ts';
import type { SchedulesPorts } from './ports.ts';
import { groupReconciler, scheduleReconciler } from './reconcile-schedule.ts';
import { SCHEDULE, SCHEDULE_GROUP } from './resources.ts';

/** EventBridge Scheduler: each time of a schedule becomes a notice to its target, sent as the target's role. */
export const createSchedulesRoom = (ports: SchedulesPorts): Room => ({
  name: 'schedules',
  operations: [...writeScheduleOperations(ports), ...readScheduleOperations(ports), ...groupOperations(ports)],
  resources: [SCHEDULE, SCHEDULE_GROUP],
  reconcilers: [scheduleReconciler(ports), groupReconciler(ports)],
  calls: [],
});
