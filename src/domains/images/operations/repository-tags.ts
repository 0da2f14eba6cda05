import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { changeTags, mergedTags, readTags, tagContext, withoutTags } from '../../../platform/resources/change-tags.ts';
import { keyOfArn } from '../../../platform/resources/declaration.ts';
import type { ImagesPorts } from '../ports.ts';
import { invalidParameter, readRepository } from '../repository-access.ts';
import { REPOSITORY } from '../resources.ts';

const tagged =
  ({ store }: ImagesPorts, context: OperationContext, resourceArn: string) =>
  async () => {
    const place = keyOfArn(REPOSITORY, resourceArn);
    if (!place) throw invalidParameter(`Invalid parameter at 'resourceArn': "${resourceArn}" is no ARN of a repository.`);
    const request = { repositoryName: place.name, registryId: place.account };
    const { key, version } = await readRepository(store, { ...context, region: place.region }, request);
    return { key, version, arn: resourceArn };
  };

export const tagResource = (ports: ImagesPorts): Operation<'ecr:TagResource'> =>
  operation('ecr:TagResource', {
    effect: 'change',
    needs: ({ resourceArn, tags }) => [{ action: 'ecr:TagResource', resources: [resourceArn], context: tagContext(tags) }],
    async handle({ resourceArn, tags }, context) {
      await changeTags(ports.store, context, tagged(ports, context, resourceArn), (before) => mergedTags(before, tags));
      return {};
    },
  });

export const untagResource = (ports: ImagesPorts): Operation<'ecr:UntagResource'> =>
  operation('ecr:UntagResource', {
    effect: 'change',
    needs: ({ resourceArn, tagKeys }) => [
      { action: 'ecr:UntagResource', resources: [resourceArn], context: { 'aws:TagKeys': tagKeys } },
    ],
    async handle({ resourceArn, tagKeys }, context) {
      await changeTags(ports.store, context, tagged(ports, context, resourceArn), (before) => withoutTags(before, tagKeys));
      return {};
    },
  });

export const listTagsForResource = (ports: ImagesPorts): Operation<'ecr:ListTagsForResource'> =>
  operation('ecr:ListTagsForResource', {
    effect: 'read',
    needs: ({ resourceArn }) => [{ action: 'ecr:ListTagsForResource', resources: [resourceArn] }],
    async handle({ resourceArn }, context) {
      const { arn } = await tagged(ports, context, resourceArn)();
      return { tags: [...(await readTags(ports.store, arn))] };
    },
  });
