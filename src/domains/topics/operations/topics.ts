import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { readTags, tagContext } from '../../../platform/resources/change-tags.ts';
import { existsError, placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { type Tag, tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows, readRow } from '../../../platform/store/typed-rows.ts';
import { mergedAttributes } from '../decide-subscription.ts';
import { invalidParameter, rejectedTopicAttributes, rejectedTopicName } from '../decide-topic.ts';
import { readTopic, topicNeeds } from '../topic-access.ts';
import { type Attributes, boxKey, TOPIC, TOPIC_REMAINS, topicArn, type TopicDocument, topicKey } from '../resources.ts';
import type { TopicsPorts } from '../ports.ts';

const PAGE = 100;

export const topicOperations = (ports: TopicsPorts): AnyOperation[] => [
  createTopic(ports),
  deleteTopic(ports),
  listTopics(ports),
];

const createTopic = (ports: TopicsPorts) =>
  operation('sns:CreateTopic', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'sns:CreateTopic',
        resources: [topicArn(context, input.Name)],
        ...(input.Tags && { context: tagContext(input.Tags) }),
      },
    ],
    async handle(input, context) {
      const { Name: name, Tags: tags = [], DataProtectionPolicy } = input;
      const asked: Attributes = mergedAttributes({}, input.Attributes ?? {});
      refuse(rejectedTopicName(name) ?? rejectedTopicAttributes(asked));
      if (DataProtectionPolicy) {
        throw new ServiceError('NotImplementedException', 'Data protection policies of topics are not implemented.');
      }
      const attributes = Object.fromEntries(Object.entries(asked).filter(([key]) => key !== 'FifoTopic'));
      await decideAndCommit(ports.store, () => createOnce(ports, context, name, attributes, tags));
      return { TopicArn: topicArn(context, name) };
    },
  });

async function createOnce(
  { store, ids }: TopicsPorts,
  context: OperationContext,
  name: string,
  attributes: Attributes,
  tags: readonly Tag[],
) {
  const key = topicKey(context, name);
  const arn = topicArn(context, name);
  const found = await readRow<TopicDocument>(store, key);
  if (found) {
    // asked again, the same topic answers; what is not mentioned may be anything
    const differs = Object.entries(attributes).some(([member, value]) => found.document.attributes[member] !== value);
    if (differs) throw existsError(TOPIC, placeOf(context), name);
    const before = new Map((await readTags(store, arn)).map(({ Key, Value }) => [Key, Value]));
    if (tags.some(({ Key, Value }) => before.get(Key) !== Value) || (tags.length > 0 && tags.length !== before.size)) {
      throw new ServiceError(
        'InvalidParameter',
        'Invalid parameter: Tags Reason: Topic already exists with different tags',
        {},
        'exists',
      );
    }
    return { result: undefined };
  }
  const { nowMs } = context;
  const document: TopicDocument = { name, box: ids.alphanumeric(16), attributes, createdAtMs: nowMs };
  const tagged = tagsWrite(arn, tags, nowMs);
  return {
    commit: {
      expect: [{ key, version: 0 }],
      write: [{ key, document, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } }, ...(tagged ? [tagged] : [])],
      ledger: [entryOf(context, 'sns:CreateTopic', [arn], { attributes: [null, attributes] })],
    },
    result: undefined,
  };
}

/** A topic that is not there is no fault, as at AWS. Its subscriptions are gone at once, from the disk by their reconciler. */
const deleteTopic = (ports: TopicsPorts) =>
  operation('sns:DeleteTopic', {
    effect: 'change',
    needs: topicNeeds<'sns:DeleteTopic'>(ports, 'sns:DeleteTopic'),
    async handle(input, context) {
      await decideAndCommit(ports.store, async () => {
        const row = await readTopic(ports.store, context, input.TopicArn).catch((error: unknown) => {
          if (error instanceof ServiceError && error.finding === 'absent') return undefined;
          throw error;
        });
        if (!row) return { result: undefined };
        const { key, version, document } = row;
        const arn = topicArn(context, document.name);
        return {
          commit: {
            expect: [{ key, version }],
            remove: [key, tagsKey(arn)],
            timers: [{ reconciler: TOPIC_REMAINS, key: boxKey(context, document.box), dueAtMs: context.nowMs }],
            ledger: [entryOf(context, 'sns:DeleteTopic', [arn], { attributes: [document.attributes, null] })],
          },
          result: undefined,
        };
      });
      return {};
    },
  });

const listTopics = (ports: TopicsPorts) =>
  operation('sns:ListTopics', {
    effect: 'read',
    needs: (_input, context) => [{ action: 'sns:ListTopics', resources: [topicArn(context, '*')] }],
    async handle(input, context) {
      const page = await listRows<TopicDocument>(ports.store, {
        ...placeOf(context),
        kind: TOPIC.kind,
        sortBy: 'name',
        order: 'ascending',
        after: pageToken(input.NextToken),
        limit: PAGE,
      });
      const token = encodePageToken(page.next);
      return {
        Topics: page.rows.map(({ document }) => ({ TopicArn: topicArn(context, document.name) })),
        ...(token !== undefined && { NextToken: token }),
      };
    },
  });

export function pageToken(token: string | undefined) {
  try {
    return decodePageToken(token);
  } catch (error) {
    if (error instanceof ServiceError) refuse(invalidParameter('NextToken'));
    throw error;
  }
}
