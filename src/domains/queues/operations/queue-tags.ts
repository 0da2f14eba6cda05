import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import {
  changeTags,
  mergedTags,
  readTags,
  tagContext,
  tagList,
  tagMap,
  withoutTags,
} from '../../../platform/resources/change-tags.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { TAGS_MAX } from '../../../platform/resources/tags.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { queueNameOf, queueNeeds, readQueue } from '../queue-access.ts';
import { queueArn } from '../resources.ts';
import type { QueuesPorts } from '../ports.ts';

const taggedQueue = (ports: QueuesPorts, context: OperationContext, url: string) => async () => {
  const { key, version, document } = await readQueue(ports.store, context, url);
  return { key, version, arn: queueArn(placeOf(context), document.name) };
};

export const tagQueue = (ports: QueuesPorts): Operation<'sqs:TagQueue'> =>
  operation('sqs:TagQueue', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'sqs:TagQueue',
        resources: [queueArn(placeOf(context), queueNameOf(context, input.QueueUrl))],
        context: tagContext(tagList(input.Tags)),
      },
    ],
    async handle(input, context) {
      const find = taggedQueue(ports, context, input.QueueUrl);
      await find();
      if (Object.keys(input.Tags).length === 0)
        throw new ServiceError('MissingParameter', 'The request must contain the parameter Tags.');
      await changeTags(ports.store, context, find, (before) => {
        const after = mergedTags(before, tagList(input.Tags));
        if (after.length > TAGS_MAX) {
          throw new ServiceError(
            'InvalidParameterValue',
            `Too many tags added for queue ${queueNameOf(context, input.QueueUrl)}.`,
          );
        }
        return after;
      });
      return {};
    },
  });

export const untagQueue = (ports: QueuesPorts): Operation<'sqs:UntagQueue'> =>
  operation('sqs:UntagQueue', {
    effect: 'change',
    needs: queueNeeds<'sqs:UntagQueue'>('sqs:UntagQueue'),
    async handle(input, context) {
      const find = taggedQueue(ports, context, input.QueueUrl);
      await find();
      if (input.TagKeys.length === 0) {
        throw new ServiceError('InvalidParameterValue', 'Tag keys must be between 1 and 128 characters in length.');
      }
      await changeTags(ports.store, context, find, (before) => withoutTags(before, input.TagKeys));
      return {};
    },
  });

export const listQueueTags = (ports: QueuesPorts): Operation<'sqs:ListQueueTags'> =>
  operation('sqs:ListQueueTags', {
    effect: 'read',
    needs: queueNeeds<'sqs:ListQueueTags'>('sqs:ListQueueTags'),
    async handle(input, context) {
      const { arn } = await taggedQueue(ports, context, input.QueueUrl)();
      const tags = await readTags(ports.store, arn);
      return tags.length > 0 ? { Tags: tagMap(tags) } : {};
    },
  });
