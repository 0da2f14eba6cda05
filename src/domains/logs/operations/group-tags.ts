import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { checkedTags, tagsKey, type Tag } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Store } from '../../../platform/store/port.ts';
import { invalidParameter, placeOf, readGroup, type LogsRoomPorts } from '../group-access.ts';
import { groupArn, groupOfArn } from '../resources.ts';

/** Only groups carry tags. */
function groupOf(resourceArn: string): string {
  const group = groupOfArn(resourceArn);
  if (group === undefined) throw invalidParameter(`The ARN "${resourceArn}" does not name a log group.`);
  return group;
}

export const tagResource = (ports: LogsRoomPorts): Operation<'logs:TagResource'> =>
  operation('logs:TagResource', {
    effect: 'change',
    needs: (input) => [{ action: 'logs:TagResource', resources: [input.resourceArn] }],
    async handle(input, context) {
      await changeTags(ports.store, context, groupOf(input.resourceArn), 'logs:TagResource', (tags) => ({
        ...tags,
        ...input.tags,
      }));
      return {};
    },
  });

export const untagResource = (ports: LogsRoomPorts): Operation<'logs:UntagResource'> =>
  operation('logs:UntagResource', {
    effect: 'change',
    needs: (input) => [{ action: 'logs:UntagResource', resources: [input.resourceArn] }],
    async handle(input, context) {
      await changeTags(ports.store, context, groupOf(input.resourceArn), 'logs:UntagResource', (tags) =>
        Object.fromEntries(Object.entries(tags).filter(([key]) => !input.tagKeys.includes(key))),
      );
      return {};
    },
  });

export const listTagsForResource = (ports: LogsRoomPorts): Operation<'logs:ListTagsForResource'> =>
  operation('logs:ListTagsForResource', {
    effect: 'read',
    needs: (input) => [{ action: 'logs:ListTagsForResource', resources: [input.resourceArn] }],
    handle: async (input, context) => ({ tags: await readTags(ports.store, context, groupOf(input.resourceArn)) }),
  });

export const listTagsLogGroup = (ports: LogsRoomPorts): Operation<'logs:ListTagsLogGroup'> =>
  operation('logs:ListTagsLogGroup', {
    effect: 'read',
    needs: (input, context) => [{ action: 'logs:ListTagsLogGroup', resources: [groupArn(placeOf(context), input.logGroupName)] }],
    handle: async (input, context) => ({ tags: await readTags(ports.store, context, input.logGroupName) }),
  });

type Tags = { [key: string]: string };

async function readTags(store: Store, context: OperationContext, group: string): Promise<Tags> {
  await readGroup(store, placeOf(context), group);
  const row = await store.get<{ tags?: { Key: string; Value: string }[] }>(tagsKey(groupArn(placeOf(context), group)));
  return Object.fromEntries((row?.document.tags ?? []).map(({ Key, Value }) => [Key, Value]));
}

async function changeTags(
  store: Store,
  context: OperationContext,
  group: string,
  action: string,
  change: (tags: Tags) => Tags,
): Promise<void> {
  const arn = groupArn(placeOf(context), group);
  const key = tagsKey(arn);
  await decideAndCommit(store, async () => {
    const owner = await readGroup(store, placeOf(context), group);
    const row = await store.get(key);
    const before = await readTags(store, context, group);
    const after = change(before);
    if (JSON.stringify(before) === JSON.stringify(after)) return { result: undefined };
    const tags: Tag[] = Object.entries(after).map(([Key, Value]) => ({ Key, Value }));
    checkedTags(tags);
    return {
      commit: {
        expect: [
          { key: owner.key, version: owner.version },
          { key, version: row?.version ?? 0 },
        ],
        write: [
          {
            key,
            document: { tags: tags.map((tag) => ({ ...tag })) },
            index: { createdAtMs: row?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs },
          },
        ],
        ledger: [entryOf(context, action, [arn], { tags: [before, after] })],
      },
      result: undefined,
    };
  });
}
