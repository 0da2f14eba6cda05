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
import { placeOf } from '../../../platform/resources/declaration.ts';
import { invalidParameter, readGroup } from '../group-access.ts';
import { groupArn, groupOfArn } from '../resources.ts';
import type { LogsRoomPorts } from '../ports.ts';

/** Only groups carry tags. */
function groupOf(resourceArn: string): string {
  const group = groupOfArn(resourceArn);
  if (group === undefined) throw invalidParameter(`The ARN "${resourceArn}" does not name a log group.`);
  return group;
}

const tagged = (ports: LogsRoomPorts, context: OperationContext, group: string) => async () => {
  const { key, version } = await readGroup(ports.store, placeOf(context), group);
  return { key, version, arn: groupArn(placeOf(context), group) };
};

async function tagsOf(ports: LogsRoomPorts, context: OperationContext, group: string): Promise<Record<string, string>> {
  const { arn } = await tagged(ports, context, group)();
  return tagMap(await readTags(ports.store, arn));
}

export const tagResource = (ports: LogsRoomPorts): Operation<'logs:TagResource'> =>
  operation('logs:TagResource', {
    effect: 'change',
    needs: ({ resourceArn, tags }) => [
      { action: 'logs:TagResource', resources: [resourceArn], context: tagContext(tagList(tags)) },
    ],
    async handle({ resourceArn, tags }, context) {
      await changeTags(ports.store, context, tagged(ports, context, groupOf(resourceArn)), (before) =>
        mergedTags(before, tagList(tags)),
      );
      return {};
    },
  });

export const untagResource = (ports: LogsRoomPorts): Operation<'logs:UntagResource'> =>
  operation('logs:UntagResource', {
    effect: 'change',
    needs: ({ resourceArn, tagKeys }) => [
      { action: 'logs:UntagResource', resources: [resourceArn], context: { 'aws:TagKeys': tagKeys } },
    ],
    async handle({ resourceArn, tagKeys }, context) {
      await changeTags(ports.store, context, tagged(ports, context, groupOf(resourceArn)), (before) =>
        withoutTags(before, tagKeys),
      );
      return {};
    },
  });

export const listTagsForResource = (ports: LogsRoomPorts): Operation<'logs:ListTagsForResource'> =>
  operation('logs:ListTagsForResource', {
    effect: 'read',
    needs: (input) => [{ action: 'logs:ListTagsForResource', resources: [input.resourceArn] }],
    handle: async (input, context) => ({ tags: await tagsOf(ports, context, groupOf(input.resourceArn)) }),
  });

export const listTagsLogGroup = (ports: LogsRoomPorts): Operation<'logs:ListTagsLogGroup'> =>
  operation('logs:ListTagsLogGroup', {
    effect: 'read',
    needs: (input, context) => [{ action: 'logs:ListTagsLogGroup', resources: [groupArn(placeOf(context), input.logGroupName)] }],
    handle: async (input, context) => ({ tags: await tagsOf(ports, context, input.logGroupName) }),
  });
