import type { BatchResultErrorEntry, PublishBatchResultEntry, PublishInput } from '../../../contract/generated/sns.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted, isRejection, refuse } from '../../../platform/errors/rejection.ts';
import type { WithSource } from '../../../platform/ports/invocation.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { type Content, messageBytes, parseMessage, rejectedBatch } from '../decide-publish.ts';
import { invalidParameter } from '../decide-topic.ts';
import { readTopic, topicNeed } from '../topic-access.ts';
import { type MessageDocument, messageKey, TOPIC_MESSAGE } from '../resources.ts';
import type { TopicsPorts } from '../ports.ts';

/** Messages are data, not changes that the ledger tells of. What was answered is in a row, from which it goes to every subscription. */
export const publishOperations = (ports: TopicsPorts): AnyOperation[] => [publish(ports), publishBatch(ports)];

function targetOf({ TopicArn, TargetArn, PhoneNumber }: PublishInput): string {
  if (PhoneNumber !== undefined)
    throw new ServiceError('NotImplementedException', 'Messages to phone numbers are not implemented.');
  const arn = TopicArn ?? TargetArn;
  if (arn === undefined) refuse(invalidParameter('TopicArn or TargetArn Reason: no value for required parameter'));
  return arn ?? '';
}

const publish = (ports: TopicsPorts) =>
  operation('sns:Publish', {
    effect: 'change',
    needs: ({ TopicArn, TargetArn, Source }: PublishInput & WithSource, context) =>
      topicNeed(ports.store, context, TopicArn ?? TargetArn, 'sns:Publish', { ...(Source && { Source }) }),
    async handle(input, context) {
      const content = accepted(parseMessage(input));
      const [MessageId] = await send(ports, context, targetOf(input), [content], memberOf(input));
      return { MessageId };
    },
  });

const memberOf = ({ TopicArn }: PublishInput): string => (TopicArn === undefined ? 'TargetArn' : 'TopicArn');

const publishBatch = (ports: TopicsPorts) =>
  operation('sns:PublishBatch', {
    effect: 'change',
    needs: (input, context) => topicNeed(ports.store, context, input.TopicArn, 'sns:Publish'),
    async handle({ TopicArn, PublishBatchRequestEntries: entries }, context) {
      refuse(
        rejectedBatch(
          entries,
          entries.reduce((sum, entry) => sum + messageBytes(entry), 0),
        ),
      );
      const parsed = entries.map((entry) => ({ Id: entry.Id, content: parseMessage(entry) }));
      const good = parsed.flatMap(({ Id, content }) => (isRejection(content) ? [] : [{ Id, content }]));
      const sent = await send(
        ports,
        context,
        TopicArn,
        good.map(({ content }) => content),
      );
      const Successful: PublishBatchResultEntry[] = good.map(({ Id }, at) => ({ Id, MessageId: sent[at] }));
      const Failed: BatchResultErrorEntry[] = parsed.flatMap(({ Id, content }) =>
        isRejection(content) ? [{ Id, SenderFault: true, Code: content.code, Message: content.message }] : [],
      );
      return { Successful, Failed };
    },
  });

/** One commit for all; the ids are given before, so that a commit whose answer was lost is not a second message. */
async function send(
  { store, ids }: TopicsPorts,
  context: OperationContext,
  arn: string,
  contents: readonly Content[],
  member?: string,
): Promise<string[]> {
  const messageIds = contents.map(() => ids.uuid());
  await decideAndCommit(store, async (count) => {
    const topic = await readTopic(store, context, arn, member);
    const { name, box } = topic.document;
    if (contents.length === 0) return { result: undefined };
    const keys = messageIds.map((id) => messageKey(context, name, id));
    // after a lost answer: rows that are there are our own. If all went on by then, subscribers get the message twice, as they may at AWS
    if (count > 0 && (await store.getMany(keys)).some((row) => row !== undefined)) return { result: undefined };
    const documents = contents.map(
      (content, at): MessageDocument => ({
        ...content,
        topic: name,
        box,
        messageId: messageIds[at] ?? '',
        sentAtMs: context.nowMs,
      }),
    );
    return {
      commit: {
        expect: [{ key: topic.key, version: topic.version }, ...keys.map((key) => ({ key, version: 0 }))],
        write: documents.map((document, at) => ({
          key: keys[at] as (typeof keys)[number],
          document,
          index: { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs },
        })),
        timers: keys.map((key) => ({ reconciler: TOPIC_MESSAGE, key, dueAtMs: context.nowMs })),
      },
      result: undefined,
    };
  });
  return messageIds;
}
