import type { Tag } from '../../../contract/generated/codepipeline.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { parseArn } from '../../../platform/resources/arn.ts';
import { changeTags, mergedTags, readTags, type Tagged, withoutTags } from '../../../platform/resources/change-tags.ts';
import { type Tag as StoredTag, TAGS_MAX } from '../../../platform/resources/tags.ts';
import type { DeliveryPorts } from '../ports.ts';
import { pipelineKey, webhookKey } from '../resources.ts';

/** CodePipeline's own words for the rules of tags. */
export function checkedTagList(tags: readonly Tag[], arn = 'the pipeline'): StoredTag[] {
  if (tags.length > TAGS_MAX) throw new ServiceError('TooManyTagsException', `Tag limit exceeded for resource [${arn}].`);
  const reserved = tags.find(({ key }) => /^aws:/i.test(key));
  if (reserved) {
    throw new ServiceError(
      'InvalidTagsException',
      "Not allowed to modify system tags. System tags start with 'aws:'. msg=[Caller is an end user and not allowed to mutate system tags]",
    );
  }
  return tags.map(({ key, value }) => ({ Key: key, Value: value }));
}

async function findTagged({ store }: DeliveryPorts, context: OperationContext, resourceArn: string): Promise<Tagged> {
  const arn = parseArn(resourceArn);
  const [, webhook] = /^webhook:(.+)$/.exec(arn?.resource ?? '') ?? [];
  const isOurs = arn?.service === 'codepipeline' && arn.account === context.account && arn.region === context.region;
  if (!arn || !isOurs || /[/]/.test(arn.resource)) {
    if (arn?.service !== 'codepipeline')
      throw new ServiceError('InvalidArnException', `${resourceArn} is not the ARN of a pipeline or webhook.`);
  }
  const key = webhook === undefined ? pipelineKey(arn, arn.resource) : webhookKey(arn, webhook);
  const row = isOurs ? await store.get(key) : undefined;
  if (!row) {
    const what = webhook === undefined ? `a pipeline with the name '${arn.resource}'` : `a webhook with the name '${webhook}'`;
    throw new ServiceError(
      'ResourceNotFoundException',
      `The account with id '${arn.account}' does not include ${what}`,
      {},
      'absent',
    );
  }
  return { key: row.key, version: row.version, arn: resourceArn };
}

export const tagResource = (ports: DeliveryPorts) =>
  operation('codepipeline:TagResource', {
    effect: 'change',
    needs: ({ resourceArn }) => [{ action: 'codepipeline:TagResource', resources: [resourceArn] }],
    async handle({ resourceArn, tags }, context) {
      const added = checkedTagList(tags, resourceArn);
      await changeTags(
        ports.store,
        context,
        () => findTagged(ports, context, resourceArn),
        (before) => {
          const after = mergedTags(before, added);
          if (after.length > TAGS_MAX)
            throw new ServiceError('TooManyTagsException', `Tag limit exceeded for resource [${resourceArn}].`);
          return after;
        },
      );
      return {};
    },
  });

export const untagResource = (ports: DeliveryPorts) =>
  operation('codepipeline:UntagResource', {
    effect: 'change',
    needs: ({ resourceArn }) => [{ action: 'codepipeline:UntagResource', resources: [resourceArn] }],
    async handle({ resourceArn, tagKeys }, context) {
      await changeTags(
        ports.store,
        context,
        () => findTagged(ports, context, resourceArn),
        (before) => withoutTags(before, tagKeys),
      );
      return {};
    },
  });

export const listTagsForResource = (ports: DeliveryPorts) =>
  operation('codepipeline:ListTagsForResource', {
    effect: 'read',
    needs: ({ resourceArn }) => [{ action: 'codepipeline:ListTagsForResource', resources: [resourceArn] }],
    async handle({ resourceArn }, context) {
      const { arn } = await findTagged(ports, context, resourceArn);
      return { tags: (await readTags(ports.store, arn)).map(({ Key, Value }) => ({ key: Key, value: Value })) };
    },
  });
