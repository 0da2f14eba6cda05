import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import {
  changeTags,
  mergedTags,
  readTags,
  tagContext,
  type Tagged,
  withoutTags,
} from '../../../platform/resources/change-tags.ts';
import { parseArn } from '../../../platform/resources/arn.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { readBus, readRule } from '../rule-access.ts';
import { busArn, busKey, DEFAULT_BUS } from '../resources.ts';
import type { EventsPorts } from '../ports.ts';

export const tagResource = (ports: EventsPorts): Operation<'events:TagResource'> =>
  operation('events:TagResource', {
    effect: 'change',
    needs: (input) => [{ action: 'events:TagResource', resources: [input.ResourceARN], context: tagContext(input.Tags) }],
    async handle(input, context) {
      await changeTags(
        ports.store,
        context,
        () => findTagged(ports, context, input.ResourceARN),
        (before) => mergedTags(before, input.Tags),
      );
      return {};
    },
  });

export const untagResource = (ports: EventsPorts): Operation<'events:UntagResource'> =>
  operation('events:UntagResource', {
    effect: 'change',
    needs: (input) => [
      { action: 'events:UntagResource', resources: [input.ResourceARN], context: { 'aws:TagKeys': input.TagKeys } },
    ],
    async handle(input, context) {
      await changeTags(
        ports.store,
        context,
        () => findTagged(ports, context, input.ResourceARN),
        (before) => withoutTags(before, input.TagKeys),
      );
      return {};
    },
  });

export const listTagsForResource = (ports: EventsPorts): Operation<'events:ListTagsForResource'> =>
  operation('events:ListTagsForResource', {
    effect: 'read',
    needs: (input) => [{ action: 'events:ListTagsForResource', resources: [input.ResourceARN] }],
    async handle(input, context) {
      const { arn } = await findTagged(ports, context, input.ResourceARN);
      return { Tags: (await readTags(ports.store, arn)).map(({ Key, Value }) => ({ Key, Value })) };
    },
  });

/** A rule or bus of the caller's account and region. */
async function findTagged(ports: EventsPorts, context: OperationContext, arn: string): Promise<Tagged> {
  const parsed = parseArn(arn);
  const [type, ...names] = (parsed?.resource ?? '').split('/');
  const here = parsed?.service === 'events' && parsed.account === context.account && parsed.region === context.region;
  if (here && type === 'rule' && names.length > 0 && names.length <= 2) {
    const name = names.at(-1) ?? '';
    const { key, version, document } = await readRule(
      ports.store,
      context,
      names.length === 2 ? (names[0] ?? '') : DEFAULT_BUS,
      name,
    );
    return { key, version, arn: document.arn };
  }
  if (here && type === 'event-bus' && names.length === 1) {
    const name = names[0] ?? '';
    const row = await readBus(ports.store, context, name);
    return { key: busKey(placeOf(context), name), version: row?.version ?? 0, arn: busArn(context, name) };
  }
  throw new ServiceError('ResourceNotFoundException', `Resource ${arn} does not exist.`);
}
