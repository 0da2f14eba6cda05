import type { CreateScheduleInput, UpdateScheduleInput } from '../../../contract/generated/scheduler.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted, refuse } from '../../../platform/errors/rejection.ts';
import { checkToken } from '../../../platform/idempotency.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { canonicalJson } from '../../../platform/ledger/canonical.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { storedPrincipal } from '../../../platform/notices.ts';
import { existsError, placeOf } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { parseAsked } from '../decide-schedule.ts';
import { rejectedTarget, UNIVERSAL } from '../decide-target.ts';
import { firstTime } from '../decide-times.ts';
import type { SchedulesPorts } from '../ports.ts';
import {
  DEFAULT_GROUP,
  rowName,
  SCHEDULE,
  SCHEDULE_TIMES,
  scheduleArn,
  type ScheduleDocument,
  scheduleIndex,
  scheduleKey,
} from '../resources.ts';
import { readGroup, readSchedule } from '../schedule-access.ts';

const SERVICE = 'scheduler.amazonaws.com';

export const writeScheduleOperations = (ports: SchedulesPorts): AnyOperation[] => [
  createSchedule(ports),
  updateSchedule(ports),
  deleteSchedule(ports),
];

const groupOf = ({ GroupName }: { readonly GroupName?: string }): string => GroupName ?? DEFAULT_GROUP;

const scheduleNeed = (
  action: string,
  input: { readonly Name: string; readonly GroupName?: string },
  context: OperationContext,
) => ({
  action,
  resources: [scheduleArn(placeOf(context), groupOf(input), input.Name)],
});

/** Target and role as they are when they are named; both are looked at again whenever the schedule fires. */
async function checkTarget(ports: SchedulesPorts, { Target }: CreateScheduleInput, context: OperationContext): Promise<void> {
  refuse(rejectedTarget(Target));
  const [, service, name] = UNIVERSAL.exec(Target.Arn) ?? [];
  if (service !== undefined && name !== undefined) {
    const found = ports.universal.find(service, name);
    if ('problem' in found) throw new ServiceError('ValidationException', found.problem);
    const made = ports.universal.inputOf(found.name, JSON.parse(Target.Input ?? '{}') as JsonObject, context.requestId);
    if ('problem' in made) throw new ServiceError('ValidationException', `Invalid RequestJson provided. Reason ${made.problem}`);
  }
  try {
    await ports.roles.assume({ account: context.account, roleArn: Target.RoleArn, service: SERVICE, sessionName: 'check' });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new ServiceError(
      'ValidationException',
      `The execution role you provide must allow AWS EventBridge Scheduler to assume the role. ${error.message}`,
    );
  }
}

function documentOf(input: CreateScheduleInput, context: OperationContext, before?: ScheduleDocument): ScheduleDocument {
  const { nowMs } = context;
  const asked = accepted(parseAsked(input, nowMs, before?.startMs));
  const timing = { ...asked, anchorMs: asked.startMs ?? nowMs };
  const group = groupOf(input);
  const next = asked.state === 'ENABLED' ? firstTime(timing, rowName(group, input.Name), nowMs, before?.firedMs) : undefined;
  return {
    ...timing,
    name: input.Name,
    group,
    createdAtMs: before?.createdAtMs ?? nowMs,
    modifiedAtMs: nowMs,
    sender: storedPrincipal(context.principal),
    ...(next && { next }),
    ...(before?.firedMs !== undefined && { firedMs: before.firedMs }),
  };
}

const createSchedule = (ports: SchedulesPorts) =>
  operation('scheduler:CreateSchedule', {
    effect: 'change',
    needs: async (input, context) => [
      scheduleNeed('scheduler:CreateSchedule', input, context),
      ...(await passRoleNeeds(ports.roles, context.account, input.Target.RoleArn, SERVICE)),
    ],
    async handle(input, context) {
      await checkTarget(ports, input, context);
      const { ClientToken: token = context.requestId, ...request } = input;
      const place = placeOf(context);
      const ScheduleArn = scheduleArn(place, groupOf(input), input.Name);
      await decideAndCommit(ports.store, async () => {
        const use = { operation: 'scheduler:CreateSchedule', token, request };
        const check = await checkToken(ports.store, place, use);
        if (check.outcome === 'repeat') return { result: undefined };
        const group = await readGroup(ports.store, context, groupOf(input));
        if (group?.document.state === 'DELETING')
          throw new ServiceError('ConflictException', `Schedule group ${groupOf(input)} is being deleted.`);
        const key = scheduleKey(place, groupOf(input), input.Name);
        if (await readRow(ports.store, key)) throw existsError(SCHEDULE, place, rowName(groupOf(input), input.Name));
        const document = documentOf(input, context);
        const record = check.record({ ScheduleArn }, context.nowMs);
        return {
          commit: {
            expect: [{ key, version: 0 }, ...(group ? [{ key: group.key, version: group.version }] : []), ...record.expect],
            write: [{ key, document, index: scheduleIndex(document) }, ...record.write],
            timers: [{ reconciler: SCHEDULE_TIMES, key, dueAtMs: dueOf(document) }, ...record.timers],
            ledger: [entryOf(context, 'scheduler:CreateSchedule', [ScheduleArn], changedMembers(undefined, told(document)))],
          },
          result: undefined,
        };
      });
      return { ScheduleArn };
    },
  });

/** A schedule without a further time is looked at once more: it may be one that goes when it is over. */
const dueOf = ({ next, state, modifiedAtMs }: ScheduleDocument): number | null =>
  next?.dueMs ?? (state === 'ENABLED' ? modifiedAtMs : null);

const withoutNext = ({ next: _next, firedMs: _fired, ...document }: ScheduleDocument): string => canonicalJson(document);

/** What the ledger tells of a schedule: what a user said, not what follows from it, nor what a target gets, which may be a secret. */
const told = ({
  next: _next,
  firedMs: _fired,
  sender: _sender,
  anchorMs: _anchor,
  modifiedAtMs: _modified,
  target: { Input: _input, ...target },
  ...document
}: ScheduleDocument): JsonObject => ({ ...document, target: target as JsonObject });

const updateSchedule = (ports: SchedulesPorts) =>
  operation('scheduler:UpdateSchedule', {
    effect: 'change',
    needs: async (input, context) => [
      scheduleNeed('scheduler:UpdateSchedule', input, context),
      ...(await passRoleNeeds(ports.roles, context.account, input.Target.RoleArn, SERVICE)),
    ],
    async handle(input: UpdateScheduleInput, context) {
      await readSchedule(ports.store, context, groupOf(input), input.Name);
      await checkTarget(ports, input, context);
      const ScheduleArn = scheduleArn(placeOf(context), groupOf(input), input.Name);
      await decideAndCommit(ports.store, async (count) => {
        const { key, version, document: before } = await readSchedule(ports.store, context, groupOf(input), input.Name);
        const document = documentOf(input, context, before);
        // our own change, whose answer was lost: its first time may have fired since, and would again
        if (count > 0 && withoutNext(before) === withoutNext(document)) return { result: undefined };
        return {
          commit: {
            expect: [{ key, version }],
            write: [{ key, document, index: scheduleIndex(document) }],
            timers: [{ reconciler: SCHEDULE_TIMES, key, dueAtMs: dueOf(document) }],
            ledger: [entryOf(context, 'scheduler:UpdateSchedule', [ScheduleArn], changedMembers(told(before), told(document)))],
          },
          result: undefined,
        };
      });
      return { ScheduleArn };
    },
  });

/** Messages of times that have come go on: they are notices of their own. */
const deleteSchedule = (ports: SchedulesPorts) =>
  operation('scheduler:DeleteSchedule', {
    effect: 'change',
    needs: (input, context) => [scheduleNeed('scheduler:DeleteSchedule', input, context)],
    async handle(input, context) {
      await decideAndCommit(ports.store, async (count) => {
        const row = await readSchedule(ports.store, context, groupOf(input), input.Name).catch((error: unknown) => {
          // on a second look it may be our own deletion whose answer was lost
          if (count > 0 && error instanceof ServiceError && error.finding === 'absent') return undefined;
          throw error;
        });
        if (!row) return { result: undefined };
        const arn = scheduleArn(placeOf(context), groupOf(input), input.Name);
        return {
          commit: {
            expect: [{ key: row.key, version: row.version }],
            remove: [row.key],
            timers: [{ reconciler: SCHEDULE_TIMES, key: row.key, dueAtMs: null }],
            ledger: [entryOf(context, 'scheduler:DeleteSchedule', [arn], changedMembers(told(row.document), undefined))],
          },
          result: undefined,
        };
      });
      return {};
    },
  });
