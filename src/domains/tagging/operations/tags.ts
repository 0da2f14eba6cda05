import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { changeTags, mergedTags, readTags, tagContext, withoutTags } from '../../../platform/resources/change-tags.ts';
import { checkedTags } from '../../../platform/resources/tags.ts';
import { findResource } from '../find-resource.ts';
import type { TaggingPorts } from '../ports.ts';

const TAGS_PER_PAGE = 50;

const tagged =
  (ports: TaggingPorts, context: OperationContext, { ResourceArn }: { readonly ResourceArn: string }) =>
  async () => {
    const { row, arn } = await findResource(ports, context, ResourceArn);
    return { key: row.key, version: row.version, arn };
  };

export const addTags = (ports: TaggingPorts): Operation<'sagemaker:AddTags'> =>
  operation('sagemaker:AddTags', {
    effect: 'change',
    needs: (input) => [
      {
        action: 'sagemaker:AddTags',
        resources: [input.ResourceArn],
        context: tagContext(input.Tags),
      },
    ],
    async handle(input, context) {
      checkedTags(input.Tags);
      const tags = await changeTags(ports.store, context, tagged(ports, context, input), (before) =>
        mergedTags(before, input.Tags),
      );
      return { Tags: [...tags] };
    },
  });

export const deleteTags = (ports: TaggingPorts): Operation<'sagemaker:DeleteTags'> =>
  operation('sagemaker:DeleteTags', {
    effect: 'change',
    needs: (input) => [
      {
        action: 'sagemaker:DeleteTags',
        resources: [input.ResourceArn],
        context: { 'aws:TagKeys': input.TagKeys },
      },
    ],
    async handle(input, context) {
      await changeTags(ports.store, context, tagged(ports, context, input), (before) => withoutTags(before, input.TagKeys));
      return {};
    },
  });

export const listTags = (ports: TaggingPorts): Operation<'sagemaker:ListTags'> =>
  operation('sagemaker:ListTags', {
    effect: 'read',
    needs: (input) => [{ action: 'sagemaker:ListTags', resources: [input.ResourceArn] }],
    async handle(input, context) {
      const { arn } = await findResource(ports, context, input.ResourceArn);
      const tags = await readTags(ports.store, arn);
      const start = startOf(decodePageToken(input.NextToken)?.sort, tags.length);
      const end = start + (input.MaxResults ?? TAGS_PER_PAGE);
      return {
        Tags: tags.slice(start, end),
        ...(end < tags.length && { NextToken: encodePageToken({ sort: end, name: tags[end]?.Key ?? '' }) }),
      };
    },
  });

function startOf(position: string | number | undefined, count: number): number {
  if (position === undefined) return 0;
  if (typeof position !== 'number' || !Number.isInteger(position) || position < 0) {
    throw new ServiceError('ValidationException', 'Invalid NextToken: pass on the token of the page before.');
  }
  return Math.min(position, count);
}
