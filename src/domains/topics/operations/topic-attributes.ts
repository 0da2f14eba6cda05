import type { PolicyDocument } from '../../../platform/authorization/policy.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted, refuse } from '../../../platform/errors/rejection.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { changeTags, mergedTags, readTags, tagContext, withoutTags } from '../../../platform/resources/change-tags.ts';
import { parseArn } from '../../../platform/resources/arn.ts';
import { TAGS_MAX } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { shownPolicy } from '../decide-retries.ts';
import { mergedAttributes } from '../decide-subscription.ts';
import { rejectedTopicAttribute, withoutPermission, withPermission } from '../decide-topic.ts';
import { policyOf, readTopic, topicNeeds, type TopicRow } from '../topic-access.ts';
import { type Attributes, SUBSCRIPTION, topicArn } from '../resources.ts';
import type { TopicsPorts } from '../ports.ts';

export const topicAttributeOperations = (ports: TopicsPorts): AnyOperation[] => [
  getTopicAttributes(ports),
  setTopicAttributes(ports),
  addPermission(ports),
  removePermission(ports),
  tagResource(ports),
  untagResource(ports),
  listTagsForResource(ports),
];

const getTopicAttributes = (ports: TopicsPorts) =>
  operation('sns:GetTopicAttributes', {
    effect: 'read',
    needs: topicNeeds<'sns:GetTopicAttributes'>(ports, 'sns:GetTopicAttributes'),
    async handle(input, context) {
      const row = await readTopic(ports.store, context, input.TopicArn);
      const { attributes, name, box } = row.document;
      const count = (facet: string) =>
        ports.store.count({
          account: context.account,
          region: context.region,
          kind: SUBSCRIPTION.kind,
          parent: box,
          facet,
          ordinalAbove: -1,
        });
      const [confirmed, pending] = await Promise.all([count('confirmed'), count('pending')]);
      return {
        Attributes: {
          DisplayName: '',
          ...attributes,
          TopicArn: topicArn(context, name),
          Owner: context.account,
          Policy: attributes['Policy'] ?? JSON.stringify(policyOf(row)),
          EffectiveDeliveryPolicy: shownPolicy(attributes['DeliveryPolicy'], undefined, 'topic'),
          SubscriptionsConfirmed: String(confirmed),
          SubscriptionsPending: String(pending),
          SubscriptionsDeleted: '0',
        },
      };
    },
  });

const setTopicAttributes = (ports: TopicsPorts) =>
  operation('sns:SetTopicAttributes', {
    effect: 'change',
    needs: topicNeeds<'sns:SetTopicAttributes'>(ports, 'sns:SetTopicAttributes'),
    async handle({ TopicArn, AttributeName, AttributeValue = '' }, context) {
      refuse(rejectedTopicAttribute(AttributeName, AttributeValue));
      await changeAttributes(ports, context, TopicArn, ({ document }) =>
        mergedAttributes(document.attributes, { [AttributeName]: AttributeValue }),
      );
      return {};
    },
  });

async function changeAttributes(
  { store }: TopicsPorts,
  context: OperationContext,
  arn: string,
  changed: (row: TopicRow, count: number) => Attributes,
): Promise<void> {
  await decideAndCommit(store, async (count) => {
    const row = await readTopic(store, context, arn);
    const { key, version, document, index } = row;
    const attributes = changed(row, count);
    const changes = changedMembers(document.attributes, attributes);
    if (Object.keys(changes).length === 0) return { result: undefined };
    return {
      commit: {
        expect: [{ key, version }],
        write: [{ key, document: { ...document, attributes }, index: { ...index, modifiedAtMs: context.nowMs } }],
        ledger: [entryOf(context, context.operation, [topicArn(context, document.name)], changes)],
      },
      result: undefined,
    };
  });
}

const addPermission = (ports: TopicsPorts) =>
  operation('sns:AddPermission', {
    effect: 'change',
    needs: topicNeeds<'sns:AddPermission'>(ports, 'sns:AddPermission'),
    async handle(input, context) {
      const permission = { label: input.Label, accounts: input.AWSAccountId, actions: input.ActionName };
      await changeAttributes(ports, context, input.TopicArn, (row, count) => {
        const policy = withPermission(policyOf(row), input.TopicArn, permission);
        // on a second look the statement may be our own, of a commit whose answer was lost
        if (count > 0 && 'code' in policy) return row.document.attributes;
        return { ...row.document.attributes, Policy: JSON.stringify(accepted(policy) as PolicyDocument) };
      });
      return {};
    },
  });

const removePermission = (ports: TopicsPorts) =>
  operation('sns:RemovePermission', {
    effect: 'change',
    needs: topicNeeds<'sns:RemovePermission'>(ports, 'sns:RemovePermission'),
    async handle(input, context) {
      await changeAttributes(ports, context, input.TopicArn, (row) => ({
        ...row.document.attributes,
        Policy: JSON.stringify(withoutPermission(policyOf(row), input.Label)),
      }));
      return {};
    },
  });

/** In tagging, a topic that is not there has an error code of its own. */
const taggedTopic = (ports: TopicsPorts, context: OperationContext, arn: string) => async () => {
  try {
    const { key, version } = await readTopic(ports.store, context, arn, 'ResourceArn');
    return { key, version, arn };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error; // not there, or no topic's name at all
    throw new ServiceError('ResourceNotFoundException', 'Resource does not exist', {}, 'absent');
  }
};

const resourceNeeds =
  (action: string) => (input: { ResourceArn: string; Tags?: { Key: string; Value: string }[] }, context: OperationContext) => {
    const arn = parseArn(input.ResourceArn);
    const inPlace = arn?.service === 'sns' && arn.account === context.account && arn.region === context.region;
    // of what is not here there is nothing to be said; the handler tells that it is not there
    const resources = [topicArn(context, inPlace ? arn.resource : '*')];
    return [{ action, resources, ...(input.Tags && { context: tagContext(input.Tags) }) }];
  };

const tagResource = (ports: TopicsPorts) =>
  operation('sns:TagResource', {
    effect: 'change',
    needs: resourceNeeds('sns:TagResource'),
    async handle(input, context) {
      await changeTags(ports.store, context, taggedTopic(ports, context, input.ResourceArn), (before) => {
        const after = mergedTags(before, input.Tags);
        if (after.length > TAGS_MAX) {
          throw new ServiceError('TagLimitExceeded', 'Could not complete request: tag quota of per resource exceeded');
        }
        return after;
      });
      return {};
    },
  });

const untagResource = (ports: TopicsPorts) =>
  operation('sns:UntagResource', {
    effect: 'change',
    needs: resourceNeeds('sns:UntagResource'),
    async handle(input, context) {
      await changeTags(ports.store, context, taggedTopic(ports, context, input.ResourceArn), (before) =>
        withoutTags(before, input.TagKeys),
      );
      return {};
    },
  });

const listTagsForResource = (ports: TopicsPorts) =>
  operation('sns:ListTagsForResource', {
    effect: 'read',
    needs: resourceNeeds('sns:ListTagsForResource'),
    async handle(input, context) {
      const { arn } = await taggedTopic(ports, context, input.ResourceArn)();
      return { Tags: (await readTags(ports.store, arn)).map(({ Key, Value }) => ({ Key, Value })) };
    },
  });
