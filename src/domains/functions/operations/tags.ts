import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import {
  changeTags,
  mergedTags,
  readTags,
  tagContext,
  tagList,
  tagMap,
  withoutTags,
} from '../../../platform/resources/change-tags.ts';
import type { FunctionsPorts } from '../ports.ts';
import { functionArn } from '../resources.ts';
import { namedFunction, readFunction } from '../runnable.ts';

export const tagOperations = (ports: FunctionsPorts): AnyOperation[] => [
  listTags(ports),
  tagResource(ports),
  untagResource(ports),
];

const tagged = (ports: FunctionsPorts, context: OperationContext, resource: string) => async () => {
  const { name, qualifier } = namedFunction(resource, undefined, context);
  if (qualifier !== undefined) {
    throw new ServiceError(
      'InvalidParameterValueException',
      'Tags on function aliases and versions are not supported. Please specify a function ARN.',
    );
  }
  const { key, version } = await readFunction(ports.store, context, name);
  return { key, version, arn: functionArn(context, name) };
};

const listTags = (ports: FunctionsPorts) =>
  operation('lambda:ListTags', {
    effect: 'read',
    needs: ({ Resource }) => [{ action: 'lambda:ListTags', resources: [Resource] }],
    async handle({ Resource }, context) {
      const { arn } = await tagged(ports, context, Resource)();
      return { Tags: tagMap(await readTags(ports.store, arn)) };
    },
  });

const tagResource = (ports: FunctionsPorts) =>
  operation('lambda:TagResource', {
    effect: 'change',
    needs: ({ Resource, Tags }) => [{ action: 'lambda:TagResource', resources: [Resource], context: tagContext(tagList(Tags)) }],
    async handle({ Resource, Tags }, context) {
      await changeTags(ports.store, context, tagged(ports, context, Resource), (before) => mergedTags(before, tagList(Tags)));
      return {};
    },
  });

const untagResource = (ports: FunctionsPorts) =>
  operation('lambda:UntagResource', {
    effect: 'change',
    needs: ({ Resource, TagKeys }) => [
      { action: 'lambda:UntagResource', resources: [Resource], context: { 'aws:TagKeys': TagKeys } },
    ],
    async handle({ Resource, TagKeys }, context) {
      await changeTags(ports.store, context, tagged(ports, context, Resource), (before) => withoutTags(before, TagKeys));
      return {};
    },
  });
