import type { Target } from '../../contract/generated/scheduler.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { arnOf, keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { RowIndex } from '../../platform/store/port.ts';

/** Its name is `<group>/<name>`; index: `parent` is the group, `status` the state. */
export const SCHEDULE: ResourceDeclaration = {
  kind: 'Schedule',
  service: 'scheduler',
  arnType: 'schedule',
  absent: { code: 'ResourceNotFoundException', message: (name) => `Schedule ${plainName(name)} does not exist.` },
  exists: { code: 'ConflictException', message: (name) => `Schedule ${plainName(name)} already exists.` },
};

export const SCHEDULE_GROUP: ResourceDeclaration = {
  kind: 'ScheduleGroup',
  service: 'scheduler',
  arnType: 'schedule-group',
  absent: { code: 'ResourceNotFoundException', message: (name) => `Schedule group ${name} does not exist.` },
  exists: { code: 'ConflictException', message: (name) => `Schedule group ${name} already exists.` },
};

/** There from the start, without a row. */
export const DEFAULT_GROUP = 'default';

const plainName = (name: string): string => name.split('/').at(-1) ?? name;

export type ScheduleDocument = {
  name: string;
  group: string;
  /** As clients gave them; times in epoch ms. */
  expression: string;
  timeZone: string;
  startMs?: number;
  endMs?: number;
  description?: string;
  state: 'ENABLED' | 'DISABLED';
  target: Target & JsonObject;
  /** 0: none. */
  windowMs: number;
  afterCompletion: 'NONE' | 'DELETE';
  createdAtMs: number;
  modifiedAtMs: number;
  /** Rates count from here. */
  anchorMs: number;
  /** Who set it so, whose session's bounds hold for what the role does then. */
  sender: JsonObject;
  /** The time that comes next, and when it is acted on; absent when there is none. */
  next?: { timeMs: number; dueMs: number };
  /** The newest time that was acted on: a change of the schedule brings it up no second time. */
  firedMs?: number;
};

export type GroupDocument = { name: string; state: 'ACTIVE' | 'DELETING'; createdAtMs: number; modifiedAtMs: number };

/** Fires a schedule when its next time is due; key: the schedule. */
export const SCHEDULE_TIMES = 'schedule-times';
/** Removes a group that is being deleted, its schedules first; key: the group. */
export const GROUP_REMAINS = 'schedule-group-remains';

export const rowName = (group: string, name: string): string => `${group}/${name}`;
export const scheduleKey = (place: Place, group: string, name: string): ResourceKey =>
  keyOf(SCHEDULE, place, rowName(group, name));
export const scheduleArn = (place: Place, group: string, name: string): string => arnOf(SCHEDULE, place, rowName(group, name));
export const groupKey = (place: Place, name: string): ResourceKey => keyOf(SCHEDULE_GROUP, place, name);
export const groupArn = (place: Place, name: string): string => arnOf(SCHEDULE_GROUP, place, name);

export const scheduleIndex = ({ group, state, createdAtMs, modifiedAtMs }: ScheduleDocument): RowIndex => ({
  parent: group,
  status: state,
  createdAtMs,
  modifiedAtMs,
});
