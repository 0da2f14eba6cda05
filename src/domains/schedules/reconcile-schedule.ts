import { hash } from 'node:crypto';
import { retryOf } from '../../platform/decide-notice-target.ts';
import { isRejection } from '../../platform/errors/rejection.ts';
import type { JsonObject } from '../../platform/json.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import { newNotice, type NoticeDocument, noticeKey } from '../../platform/notices.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { removeRows } from '../../platform/reconcile/remove-rows.ts';
import { tagsKey } from '../../platform/resources/tags.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Commit } from '../../platform/store/port.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { type Firing, messageOf, timeText, UNIVERSAL, universalMessage } from './decide-target.ts';
import { decideTurn, type Times, type Turn } from './decide-times.ts';
import type { SchedulesPorts } from './ports.ts';
import {
  GROUP_REMAINS,
  groupArn,
  type GroupDocument,
  groupKey,
  rowName,
  SCHEDULE,
  SCHEDULE_TIMES,
  scheduleArn,
  type ScheduleDocument,
  scheduleIndex,
} from './resources.ts';
import type { ScheduleRow } from './schedule-access.ts';

/**
 * At each time, one commit writes the notice, under a name made of schedule and time, and the time that comes next: whenever the process
 * dies, a time has its notice and is over, or neither.
 */
export const scheduleReconciler = (ports: SchedulesPorts): Reconciler => ({
  name: SCHEDULE_TIMES,
  async reconcile(key) {
    for (;;) {
      const row = await readRow<ScheduleDocument>(ports.store, key);
      const over = { reconciler: SCHEDULE_TIMES, key, dueAtMs: null };
      if (!row || row.document.state === 'DISABLED') {
        const { outcome } = await ports.store.commit({ expect: [{ key, version: row?.version ?? 0 }], timers: [over] });
        return outcome === 'done' ? undefined : { retryAtMs: ports.clock.now() };
      }
      const group = await readRow<GroupDocument>(ports.store, groupKey(key, row.document.group));
      if (group?.document.state === 'DELETING') return; // its reconciler takes the schedule and this timer away
      const { next } = row.document;
      if (next && next.dueMs > ports.clock.now()) {
        const later = { reconciler: SCHEDULE_TIMES, key, dueAtMs: next.dueMs };
        const { outcome } = await ports.store.commit({ expect: [{ key, version: row.version }], timers: [later] });
        return outcome === 'done' ? undefined : { retryAtMs: ports.clock.now() };
      }
      const commit = next ? fire(ports, row, next) : complete(ports, row);
      const expect = [...commit.expect, ...(group ? [{ key: group.key, version: group.version }] : [])];
      const { outcome } = await ports.store.commit({ ...commit, expect });
      if (outcome === 'done' && !next) return;
    }
  },
});

function fire(ports: SchedulesPorts, row: ScheduleRow, due: Times): Commit {
  const { key, version, document } = row;
  const nowMs = ports.clock.now();
  const ageMs = retryOf(document.target.RetryPolicy).ageSecondsMax * 1000;
  const turn = decideTurn(document, rowName(document.group, document.name), due, ageMs, nowMs);
  const notice = turn.fire && noticeOf(ports, row, turn.fire);
  const made = notice && newNotice(notice.key, notice.document, nowMs);
  const { next: _gone, ...rest } = document;
  const firedMs = turn.fire?.timeMs ?? due.timeMs;
  const after: ScheduleDocument = { ...rest, firedMs, ...(turn.next && { next: turn.next }) };
  return {
    expect: [{ key, version }],
    write: [{ key, document: after, index: scheduleIndex(after) }, ...(made ? [made.write] : [])],
    // without a next time the row is looked at once more, for what comes after completion
    timers: [{ reconciler: SCHEDULE_TIMES, key, dueAtMs: turn.next?.dueMs ?? nowMs }, ...(made ? [made.timer] : [])],
    ...(turn.missedSinceMs !== undefined && { ledger: [missedEntry(row, turn, nowMs)] }),
  };
}

function missedEntry({ key, document }: ScheduleRow, { missedSinceMs = 0, fire: fired }: Turn, nowMs: number) {
  const until = fired ? `; ${timeText(fired.timeMs)} fires in their stead` : '';
  return ownEntry('schedules', key, {
    timeMs: nowMs,
    action: 'slipway:Schedule.Missed',
    resources: [scheduleArn(key, document.group, document.name)],
    changes: { missedSince: [timeText(missedSinceMs), fired ? timeText(fired.timeMs) : null] },
    reason: `Times from ${timeText(missedSinceMs)} on passed while the server was not running${until}.`,
  });
}

function noticeOf({ universal }: SchedulesPorts, { key, document }: ScheduleRow, { timeMs }: Times) {
  const { target, group, name, createdAtMs } = document;
  const arn = scheduleArn(key, group, name);
  // of schedule and time alone; a schedule made anew under the name is another
  const executionId = hash('sha256', `${arn}/${createdAtMs}/${timeMs}`).slice(0, 48);
  const firing: Firing = { scheduleArn: arn, executionId, timeMs, account: key.account, region: key.region };
  const [, service = '', operation = ''] = UNIVERSAL.exec(target.Arn) ?? [];
  const found = service === '' ? undefined : universal.find(service, operation);
  const message = found && 'name' in found ? universalMessage(target, found.name, firing) : messageOf(target, firing);
  if (isRejection(message)) return undefined; // refused when it was set; an operation that is no more has nobody to be told
  const sessionPolicy = document.sender['sessionPolicy'] as JsonObject | undefined;
  const notice: NoticeDocument = {
    ...message,
    role: { arn: target.RoleArn, service: 'scheduler.amazonaws.com', ...(sessionPolicy && { sessionPolicy }) },
    about: arn,
    attempts: 0,
    retry: retryOf(target.RetryPolicy),
    ...(target.DeadLetterConfig?.Arn !== undefined && {
      deadLetter: {
        arn: target.DeadLetterConfig.Arn,
        attributes: { SCHEDULE_ARN: arn, TARGET_ARN: target.Arn, EXECUTION_ID: executionId, SCHEDULED_TIME: timeText(timeMs) },
      },
    }),
  };
  return { key: noticeKey(key, `schedule/${executionId}`), document: notice };
}

/** No further time: the schedule stays as it is, or goes when it was asked to. */
function complete({ clock }: SchedulesPorts, { key, version, document }: ScheduleRow): Commit {
  const over = { reconciler: SCHEDULE_TIMES, key, dueAtMs: null };
  if (document.afterCompletion === 'NONE') return { expect: [{ key, version }], timers: [over] };
  return {
    expect: [{ key, version }],
    remove: [key],
    timers: [over],
    ledger: [
      ownEntry('schedules', key, {
        timeMs: clock.now(),
        action: 'slipway:Schedule.Completed',
        resources: [scheduleArn(key, document.group, document.name)],
        changes: { State: [document.state, null] },
        reason: 'ActionAfterCompletion is DELETE.',
      }),
    ],
  };
}

const PAGE = 100;

export const groupReconciler = ({ store, clock }: SchedulesPorts): Reconciler => ({
  name: GROUP_REMAINS,
  async reconcile(key) {
    const { account, region, name } = key;
    const group = await readRow<GroupDocument>(store, key);
    if (group?.document.state === 'DELETING') {
      await removeRows(store, { account, region, kind: SCHEDULE.kind, parent: name, limit: PAGE }, (rows) => ({
        timers: rows.map((row) => ({ reconciler: SCHEDULE_TIMES, key: row.key, dueAtMs: null })),
      }));
    }
    await decideAndCommit(store, async () => {
      const row = await readRow<GroupDocument>(store, key);
      const ledger = ownEntry('schedules', key, {
        timeMs: clock.now(),
        action: 'slipway:ScheduleGroup.Deleted',
        resources: [groupArn(key, name)],
        changes: { State: ['DELETING', null] },
      });
      const goes = row?.document.state === 'DELETING'; // another may have been made under the name
      const commit = {
        expect: [{ key, version: row?.version ?? 0 }],
        ...(goes && { remove: [key, tagsKey(groupArn(key, name))], ledger: [ledger] }),
        timers: [{ reconciler: GROUP_REMAINS, key, dueAtMs: null }],
      };
      return { commit, result: undefined };
    });
  },
});
