import type { Rule } from '../../../contract/generated/events.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import type { Json } from '../../../platform/json.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { parsePattern } from '../../../platform/patterns/decide-pattern.ts';
import { tagContext } from '../../../platform/resources/change-tags.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { nextTimeMs } from '../../../platform/schedule-expression.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Commit } from '../../../platform/store/port.ts';
import { listRows, type Read, readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import { busWrite } from './buses.ts';
import { parseRuleSchedule } from '../decide-schedule.ts';
import { SERVICE } from '../decide-target.ts';
import { newestSequence } from '../newest-sequence.ts';
import { busNameOf, findRule, pageOf, readBus, readRule, ruleNeeds, type RuleRow } from '../rule-access.ts';
import {
  type CursorDocument,
  cursorKey,
  DEFAULT_BUS,
  EVENT_MATCHING,
  RULE,
  RULE_SCHEDULE,
  type RuleDocument,
  type RuleState,
  ruleArn,
  ruleKey,
} from '../resources.ts';
import type { EventsPorts } from '../ports.ts';

const RULES_MAX = 300;

export const putRule = (ports: EventsPorts): Operation<'events:PutRule'> =>
  operation('events:PutRule', {
    effect: 'change',
    async needs(input, context) {
      const need: AuthorizationNeed = {
        action: 'events:PutRule',
        resources: [ruleArn(context, busNameOf(context, input.EventBusName), input.Name)],
        context: tagContext(input.Tags ?? []),
      };
      return [need, ...(await passRoleNeeds(ports.roles, context.account, input.RoleArn, SERVICE))];
    },
    async handle(input, context) {
      const bus = busNameOf(context, input.EventBusName);
      const pattern = input.EventPattern || undefined;
      const schedule = input.ScheduleExpression || undefined;
      if (pattern === undefined && schedule === undefined) {
        throw new ServiceError('ValidationException', 'Parameter(s) EventPattern or ScheduleExpression must be specified.');
      }
      if (pattern !== undefined) accepted(parsePattern(pattern));
      if (schedule !== undefined) accepted(parseRuleSchedule(schedule));
      if (schedule !== undefined && bus !== DEFAULT_BUS) {
        throw new ServiceError('ValidationException', 'ScheduleExpression is supported only on the default event bus.');
      }
      if (input.State === 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS') {
        throw new ServiceError('NotImplementedException', 'Events of CloudTrail are not implemented: use State ENABLED.');
      }
      const arn = ruleArn(context, bus, input.Name);
      await decideAndCommit(ports.store, async () => {
        const busRow = await readBus(ports.store, context, bus);
        const row = await findRule(ports.store, context, bus, input.Name);
        if (!row) await checkRuleQuota(ports, context, bus);
        const commit = await ruleCommit(ports, context, row, {
          name: input.Name,
          bus,
          arn,
          ...(pattern !== undefined && { pattern }),
          ...(schedule !== undefined && { schedule }),
          state: (input.State as RuleState | undefined) ?? 'ENABLED',
          ...(input.Description !== undefined && { description: input.Description }),
          ...(input.RoleArn !== undefined && { roleArn: input.RoleArn }),
          afterSequence: row?.document.afterSequence ?? 0,
          targets: row?.document.targets ?? [],
          createdAtMs: row?.document.createdAtMs ?? context.nowMs,
        });
        // as at AWS, tags are for a rule that is being made; later ones are set by TagResource
        const tags = row ? undefined : tagsWrite(arn, input.Tags, context.nowMs);
        const expect = busRow ? [{ key: busRow.key, version: busRow.version }] : [];
        // a new rule writes its bus anew, so that the bus is not deleted under it
        const touched = busRow && !row ? [busWrite(context, busRow.document)] : [];
        return {
          commit: {
            ...commit,
            expect: [...commit.expect, ...expect],
            write: [...(commit.write ?? []), ...touched, ...(tags ? [tags] : [])],
          },
          result: undefined,
        };
      });
      return { RuleArn: arn };
    },
  });

async function checkRuleQuota({ store }: EventsPorts, context: OperationContext, bus: string): Promise<void> {
  const { rows } = await store.list({ ...pageOf(context, RULE.kind, {}), parent: bus, limit: RULES_MAX });
  if (rows.length < RULES_MAX) return;
  throw new ServiceError('LimitExceededException', 'The requested resource exceeds the maximum number allowed.');
}

/**
 * The commit of a new or changed rule. One that is enabled only now sees events from here on; the first of a region brings the cursor along,
 * whose timer stays for good: it is what a start finds the region by.
 */
async function ruleCommit(
  { store }: EventsPorts,
  context: OperationContext,
  row: RuleRow | undefined,
  asked: RuleDocument,
): Promise<Commit> {
  const before = row?.document;
  const enabled = asked.state === 'ENABLED';
  const cursor = await readRow<CursorDocument>(store, cursorKey(context));
  const isNew = enabled && asked.pattern !== undefined && (before?.state !== 'ENABLED' || before.pattern === undefined);
  const newest = isNew ? await newestSequence(store, cursor?.document.sequence) : asked.afterSequence;
  const after: RuleDocument = { ...asked, afterSequence: newest, ...timesOf(before, asked, context.nowMs) };
  const key = ruleKey(context, asked.bus, asked.name);
  const firstCursor = isNew && !cursor ? cursorKey(context) : undefined;
  const index = { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs };
  return {
    expect: [{ key, version: row?.version ?? 0 }, ...(firstCursor ? [{ key: firstCursor, version: 0 }] : [])],
    write: [
      ruleWrite(key, after, context.nowMs),
      ...(firstCursor ? [{ key: firstCursor, document: { sequence: newest }, index }] : []),
    ],
    timers: [
      { reconciler: RULE_SCHEDULE, key, dueAtMs: after.nextAtMs ?? null },
      ...(firstCursor ? [{ reconciler: EVENT_MATCHING, key: firstCursor, dueAtMs: context.nowMs }] : []),
    ],
    ledger: [entryOf(context, context.operation, [asked.arn], changedMembers(shownRule(before), shownRule(after)))],
  };
}

/** A schedule counts from when it was set or changed, and has a next time while it is enabled. */
function timesOf(
  before: RuleDocument | undefined,
  { schedule: text, state }: RuleDocument,
  nowMs: number,
): Pick<RuleDocument, 'scheduleAnchorMs' | 'nextAtMs'> {
  if (text === undefined) return {};
  const same = before?.schedule === text && before.state === 'ENABLED' && state === 'ENABLED';
  if (same && before.nextAtMs !== undefined) {
    return { nextAtMs: before.nextAtMs, scheduleAnchorMs: before.scheduleAnchorMs ?? nowMs };
  }
  const nextAtMs = state === 'ENABLED' ? nextTimeMs(accepted(parseRuleSchedule(text)), nowMs, 'UTC', nowMs) : undefined;
  return { scheduleAnchorMs: nowMs, ...(nextAtMs !== undefined && { nextAtMs }) };
}

export const ruleWrite = (key: RuleRow['key'], document: RuleDocument, nowMs: number) =>
  writeOf(key, document, {
    parent: document.bus,
    status: document.state,
    createdAtMs: document.createdAtMs,
    modifiedAtMs: nowMs,
  });

/** A rule as the ledger tells of its changes. */
function shownRule(rule: RuleDocument | undefined): { [member: string]: Json } {
  if (!rule) return {};
  const { pattern, schedule, state, description, roleArn } = rule;
  return JSON.parse(JSON.stringify({ pattern, schedule, state, description, roleArn })) as { [member: string]: Json };
}

const switchRule = (name: 'events:EnableRule' | 'events:DisableRule', state: RuleState) => (ports: EventsPorts) =>
  operation(name, {
    effect: 'change',
    needs: ruleNeeds<typeof name>(name),
    async handle(input, context) {
      const bus = busNameOf(context, input.EventBusName);
      await decideAndCommit(ports.store, async () => {
        const row = await readRule(ports.store, context, bus, input.Name);
        if (row.document.state === state) return { result: undefined };
        const { nextAtMs: _next, ...document } = row.document;
        return { commit: await ruleCommit(ports, context, row, { ...document, state }), result: undefined };
      });
      return {};
    },
  });

export const enableRule = switchRule('events:EnableRule', 'ENABLED');
export const disableRule = switchRule('events:DisableRule', 'DISABLED');

export const deleteRule = (ports: EventsPorts): Operation<'events:DeleteRule'> =>
  operation('events:DeleteRule', {
    effect: 'change',
    needs: ruleNeeds<'events:DeleteRule'>('events:DeleteRule'),
    async handle(input, context) {
      const bus = busNameOf(context, input.EventBusName);
      await readBus(ports.store, context, bus);
      await decideAndCommit(ports.store, async () => {
        const row = await findRule(ports.store, context, bus, input.Name);
        if (!row) return { result: undefined }; // as at AWS
        if (row.document.targets.length > 0) {
          throw new ServiceError('ValidationException', "Rule can't be deleted since it has targets.");
        }
        const { key, version, document } = row;
        return {
          commit: {
            expect: [{ key, version }],
            remove: [key, tagsKey(document.arn)],
            timers: [{ reconciler: RULE_SCHEDULE, key, dueAtMs: null }],
            ledger: [entryOf(context, 'events:DeleteRule', [document.arn], { name: [document.name, null] })],
          },
          result: undefined,
        };
      });
      return {};
    },
  });

export const describeRule = (ports: EventsPorts): Operation<'events:DescribeRule'> =>
  operation('events:DescribeRule', {
    effect: 'read',
    needs: ruleNeeds<'events:DescribeRule'>('events:DescribeRule'),
    async handle(input, context) {
      const { document } = await readRule(ports.store, context, busNameOf(context, input.EventBusName), input.Name);
      return { ...summaryOf(document), CreatedBy: context.account };
    },
  });

const summaryOf = (rule: RuleDocument): Rule => ({
  Name: rule.name,
  Arn: rule.arn,
  ...(rule.pattern !== undefined && { EventPattern: rule.pattern }),
  State: rule.state,
  ...(rule.description !== undefined && { Description: rule.description }),
  ...(rule.schedule !== undefined && { ScheduleExpression: rule.schedule }),
  ...(rule.roleArn !== undefined && { RoleArn: rule.roleArn }),
  EventBusName: rule.bus,
});

export const listRules = (ports: EventsPorts): Operation<'events:ListRules'> =>
  operation('events:ListRules', {
    effect: 'read',
    needs: (input, context) => [
      { action: 'events:ListRules', resources: [ruleArn(context, busNameOf(context, input.EventBusName), '*')] },
    ],
    async handle(input, context) {
      const bus = busNameOf(context, input.EventBusName);
      await readBus(ports.store, context, bus);
      const page = await listRows<RuleDocument>(ports.store, {
        ...pageOf(context, RULE.kind, { ...input, NamePrefix: `${bus}/${input.NamePrefix ?? ''}` }),
        parent: bus,
      });
      const token = encodePageToken(page.next);
      return { Rules: page.rows.map(({ document }) => summaryOf(document)), ...(token !== undefined && { NextToken: token }) };
    },
  });

/** Rules of a bus are few (300): those with the target are found by reading them. */
export const listRuleNamesByTarget = (ports: EventsPorts): Operation<'events:ListRuleNamesByTarget'> =>
  operation('events:ListRuleNamesByTarget', {
    effect: 'read',
    needs: (input, context) => [
      { action: 'events:ListRuleNamesByTarget', resources: [ruleArn(context, busNameOf(context, input.EventBusName), '*')] },
    ],
    async handle(input, context) {
      const bus = busNameOf(context, input.EventBusName);
      await readBus(ports.store, context, bus);
      const { NextToken, Limit = 100 } = input;
      const page = await listRows<RuleDocument>(ports.store, {
        ...pageOf(context, RULE.kind, { ...(NextToken !== undefined && { NextToken }), Limit: RULES_MAX }),
        ...placeOf(context),
        parent: bus,
      });
      const hits: Read<RuleDocument>[] = page.rows.filter(({ document }) =>
        document.targets.some(({ target }) => target.Arn === input.TargetArn),
      );
      const last = hits.length > Limit ? hits[Limit - 1] : undefined;
      const token = encodePageToken(last ? { sort: last.key.name, name: last.key.name } : page.next);
      return {
        RuleNames: hits.slice(0, Limit).map(({ document }) => document.name),
        ...(token !== undefined && { NextToken: token }),
      };
    },
  });
