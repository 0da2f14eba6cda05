import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { checkToken } from '../../../platform/idempotency.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { changeTags, mergedTags, readTags, tagContext, withoutTags } from '../../../platform/resources/change-tags.ts';
import { absentError, existsError, keyOfArn, placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows, readRow } from '../../../platform/store/typed-rows.ts';
import type { SchedulesPorts } from '../ports.ts';
import { DEFAULT_GROUP, GROUP_REMAINS, groupArn, type GroupDocument, groupKey, SCHEDULE, SCHEDULE_GROUP } from '../resources.ts';
import { readGroup } from '../schedule-access.ts';

const PAGE = 100;

export const groupOperations = (ports: SchedulesPorts): AnyOperation[] => [
  createScheduleGroup(ports),
  getScheduleGroup(ports),
  listScheduleGroups(ports),
  deleteScheduleGroup(ports),
  tagResource(ports),
  untagResource(ports),
  listTagsForResource(ports),
];

const groupNeeds = (action: string) => (input: { readonly Name: string }, context: OperationContext) => [
  { action, resources: [groupArn(placeOf(context), input.Name)] },
];

const createScheduleGroup = (ports: SchedulesPorts) =>
  operation('scheduler:CreateScheduleGroup', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'scheduler:CreateScheduleGroup',
        resources: [groupArn(placeOf(context), input.Name)],
        ...(input.Tags && { context: tagContext(input.Tags) }),
      },
    ],
    async handle({ ClientToken, ...input }, context) {
      const place = placeOf(context);
      const { Name: name, Tags } = input;
      const ScheduleGroupArn = groupArn(place, name);
      await decideAndCommit(ports.store, async () => {
        const token = ClientToken ?? context.requestId;
        const check = await checkToken(ports.store, place, { operation: 'scheduler:CreateScheduleGroup', token, request: input });
        if (check.outcome === 'repeat') return { result: undefined };
        const key = groupKey(place, name);
        if (name === DEFAULT_GROUP || (await readRow(ports.store, key))) throw existsError(SCHEDULE_GROUP, place, name);
        const { nowMs } = context;
        const document: GroupDocument = { name, state: 'ACTIVE', createdAtMs: nowMs, modifiedAtMs: nowMs };
        const tagged = tagsWrite(ScheduleGroupArn, Tags, nowMs);
        const record = check.record({ ScheduleGroupArn }, nowMs);
        return {
          commit: {
            expect: [{ key, version: 0 }, ...record.expect],
            write: [
              { key, document, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } },
              ...(tagged ? [tagged] : []),
              ...record.write,
            ],
            timers: record.timers,
            ledger: [entryOf(context, 'scheduler:CreateScheduleGroup', [ScheduleGroupArn])],
          },
          result: undefined,
        };
      });
      return { ScheduleGroupArn };
    },
  });

const shown = (document: GroupDocument | undefined, context: OperationContext) =>
  document
    ? {
        Arn: groupArn(placeOf(context), document.name),
        Name: document.name,
        State: document.state,
        CreationDate: document.createdAtMs,
        LastModificationDate: document.modifiedAtMs,
      }
    : { Arn: groupArn(placeOf(context), DEFAULT_GROUP), Name: DEFAULT_GROUP, State: 'ACTIVE' as const };

const getScheduleGroup = (ports: SchedulesPorts) =>
  operation('scheduler:GetScheduleGroup', {
    effect: 'read',
    needs: groupNeeds('scheduler:GetScheduleGroup'),
    handle: async (input, context) => shown((await readGroup(ports.store, context, input.Name))?.document, context),
  });

/** The default group comes first, on the first page. */
const listScheduleGroups = (ports: SchedulesPorts) =>
  operation('scheduler:ListScheduleGroups', {
    effect: 'read',
    needs: (_input, context) => [{ action: 'scheduler:ListScheduleGroups', resources: [groupArn(placeOf(context), '*')] }],
    async handle({ NamePrefix = '', NextToken, MaxResults = PAGE }, context) {
      const withDefault = NextToken === undefined && DEFAULT_GROUP.startsWith(NamePrefix);
      if (withDefault && MaxResults === 1) {
        return { ScheduleGroups: [shown(undefined, context)], NextToken: encodePageToken({ sort: '', name: '' }) ?? '' };
      }
      const page = await listRows<GroupDocument>(ports.store, {
        ...placeOf(context),
        kind: SCHEDULE_GROUP.kind,
        ...(NamePrefix && { namePrefix: NamePrefix }),
        sortBy: 'name',
        order: 'ascending',
        after: decodePageToken(NextToken),
        limit: withDefault ? MaxResults - 1 : MaxResults,
      });
      const token = encodePageToken(page.next);
      return {
        ScheduleGroups: [
          ...(withDefault ? [shown(undefined, context)] : []),
          ...page.rows.map(({ document }) => shown(document, context)),
        ],
        ...(token !== undefined && { NextToken: token }),
      };
    },
  });

/** A group with schedules is told to be going; they end in the same moment, since none fires in a group that goes. */
const deleteScheduleGroup = (ports: SchedulesPorts) =>
  operation('scheduler:DeleteScheduleGroup', {
    effect: 'change',
    needs: groupNeeds('scheduler:DeleteScheduleGroup'),
    async handle(input, context) {
      if (input.Name === DEFAULT_GROUP)
        throw new ServiceError('ValidationException', 'Deleting default schedule group is not allowed.');
      await decideAndCommit(ports.store, async () => {
        const row = await readGroup(ports.store, context, input.Name);
        if (!row || row.document.state === 'DELETING') return { result: undefined };
        const arn = groupArn(placeOf(context), input.Name);
        const expect = [{ key: row.key, version: row.version }];
        const ledger = [entryOf(context, 'scheduler:DeleteScheduleGroup', [arn])];
        const held = { ...placeOf(context), kind: SCHEDULE.kind, parent: input.Name } as const;
        const { rows } = await ports.store.list({ ...held, sortBy: 'name', order: 'ascending', limit: 1 });
        // one that comes meanwhile expects the group as it is, so that an empty group may go at once
        if (rows.length === 0) return { commit: { expect, remove: [row.key, tagsKey(arn)], ledger }, result: undefined };
        const document: GroupDocument = { ...row.document, state: 'DELETING', modifiedAtMs: context.nowMs };
        return {
          commit: {
            expect,
            write: [{ key: row.key, document, index: { ...row.index, modifiedAtMs: context.nowMs } }],
            timers: [{ reconciler: GROUP_REMAINS, key: row.key, dueAtMs: context.nowMs }],
            ledger,
          },
          result: undefined,
        };
      });
      return {};
    },
  });

const taggedGroup =
  ({ store }: SchedulesPorts, context: OperationContext, arn: string) =>
  async () => {
    const key = keyOfArn(SCHEDULE_GROUP, arn);
    const own = key?.account === context.account && key.region === context.region;
    const row = key && own ? await readRow<GroupDocument>(store, key) : undefined;
    if (!key || !own || (!row && key.name !== DEFAULT_GROUP))
      throw absentError(SCHEDULE_GROUP, placeOf(context), key?.name ?? arn);
    return { key, version: row?.version ?? 0, arn };
  };

const resourceNeeds = (action: string) => (input: { ResourceArn: string; Tags?: { Key: string; Value: string }[] }) => [
  { action, resources: [input.ResourceArn], ...(input.Tags && { context: tagContext(input.Tags) }) },
];

const tagResource = (ports: SchedulesPorts) =>
  operation('scheduler:TagResource', {
    effect: 'change',
    needs: resourceNeeds('scheduler:TagResource'),
    async handle({ ResourceArn, Tags }, context) {
      await changeTags(ports.store, context, taggedGroup(ports, context, ResourceArn), (before) => mergedTags(before, Tags));
      return {};
    },
  });

const untagResource = (ports: SchedulesPorts) =>
  operation('scheduler:UntagResource', {
    effect: 'change',
    needs: resourceNeeds('scheduler:UntagResource'),
    async handle({ ResourceArn, TagKeys }, context) {
      await changeTags(ports.store, context, taggedGroup(ports, context, ResourceArn), (before) => withoutTags(before, TagKeys));
      return {};
    },
  });

const listTagsForResource = (ports: SchedulesPorts) =>
  operation('scheduler:ListTagsForResource', {
    effect: 'read',
    needs: resourceNeeds('scheduler:ListTagsForResource'),
    async handle({ ResourceArn }, context) {
      const { arn } = await taggedGroup(ports, context, ResourceArn)();
      return { Tags: (await readTags(ports.store, arn)).map(({ Key, Value }) => ({ Key, Value })) };
    },
  });
