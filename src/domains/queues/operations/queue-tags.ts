import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { checkedTags, type Tag, tagsKey } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { placeOf, queueNameOf, queueNeeds, readQueue, type QueuesPorts } from '../queue-access.ts';
import { queueArn } from '../resources.ts';

export const tagQueue = (ports: QueuesPorts): Operation<'sqs:TagQueue'> =>
  operation('sqs:TagQueue', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'sqs:TagQueue',
        resources: [queueArn(placeOf(context), queueNameOf(context, input.QueueUrl))],
        context: {
          'aws:TagKeys': Object.keys(input.Tags),
          ...Object.fromEntries(Object.entries(input.Tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])),
        },
      },
    ],
    async handle(input, context) {
      await changeTags(ports, context, input.QueueUrl, 'sqs:TagQueue', (before) => ({ ...before, ...input.Tags }));
      return {};
    },
  });

export const untagQueue = (ports: QueuesPorts): Operation<'sqs:UntagQueue'> =>
  operation('sqs:UntagQueue', {
    effect: 'change',
    needs: queueNeeds<'sqs:UntagQueue'>('sqs:UntagQueue'),
    async handle(input, context) {
      await changeTags(ports, context, input.QueueUrl, 'sqs:UntagQueue', (before) =>
        Object.fromEntries(Object.entries(before).filter(([key]) => !input.TagKeys.includes(key))),
      );
      return {};
    },
  });

export const listQueueTags = (ports: QueuesPorts): Operation<'sqs:ListQueueTags'> =>
  operation('sqs:ListQueueTags', {
    effect: 'read',
    needs: queueNeeds<'sqs:ListQueueTags'>('sqs:ListQueueTags'),
    async handle(input, context) {
      const { document } = await readQueue(ports.store, context, input.QueueUrl);
      const row = await readRow<{ tags: Tag[] }>(ports.store, tagsKey(queueArn(placeOf(context), document.name)));
      const tags = row?.document.tags ?? [];
      return tags.length > 0 ? { Tags: Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])) } : {};
    },
  });

async function changeTags(
  ports: QueuesPorts,
  context: OperationContext,
  url: string,
  action: string,
  change: (before: Record<string, string>) => Record<string, string>,
): Promise<void> {
  await decideAndCommit(ports.store, async () => {
    const queue = await readQueue(ports.store, context, url);
    const arn = queueArn(placeOf(context), queue.document.name);
    const key = tagsKey(arn);
    const row = await readRow<{ tags: Tag[] }>(ports.store, key);
    const before = Object.fromEntries((row?.document.tags ?? []).map(({ Key, Value }) => [Key, Value]));
    const after = change(before);
    if (JSON.stringify(after) === JSON.stringify(before)) return { result: undefined };
    const tags = Object.entries(after).map(([Key, Value]) => ({ Key, Value }));
    checkedTags(tags);
    return {
      commit: {
        expect: [
          { key: queue.key, version: queue.version },
          { key, version: row?.version ?? 0 },
        ],
        write: [
          {
            key,
            document: { tags },
            index: { createdAtMs: row?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs },
          },
        ],
        ledger: [entryOf(context, action, [arn], { tags: [before, after] })],
      },
      result: undefined,
    };
  });
}
