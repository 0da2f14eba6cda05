import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { checkedTags, tagsKey, type Tag } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Row, Store } from '../../../platform/store/port.ts';
import { mergedTags, withoutTags } from '../decide-tags.ts';
import { findResource, type TaggingPorts } from '../find-resource.ts';

const TAGS_PER_PAGE = 50;

type TagsDocument = { tags: { Key: string; Value: string }[] };

export const addTags = (ports: TaggingPorts): Operation<'sagemaker:AddTags'> =>
  operation('sagemaker:AddTags', {
    effect: 'change',
    needs: (input) => [
      {
        action: 'sagemaker:AddTags',
        resources: [input.ResourceArn],
        context: {
          'aws:TagKeys': input.Tags.map(({ Key }) => Key),
          ...Object.fromEntries(input.Tags.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
        },
      },
    ],
    async handle(input, context) {
      checkedTags(input.Tags);
      const tags = await changeTags(ports, context, input.ResourceArn, 'sagemaker:AddTags', (before) =>
        mergedTags(before, input.Tags),
      );
      return { Tags: tags };
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
      await changeTags(ports, context, input.ResourceArn, 'sagemaker:DeleteTags', (before) => withoutTags(before, input.TagKeys));
      return {};
    },
  });

export const listTags = (ports: TaggingPorts): Operation<'sagemaker:ListTags'> =>
  operation('sagemaker:ListTags', {
    effect: 'read',
    needs: (input) => [{ action: 'sagemaker:ListTags', resources: [input.ResourceArn] }],
    async handle(input, context) {
      const { arn } = await findResource(ports, context, input.ResourceArn);
      const tags = (await readTags(ports.store, arn))?.document.tags ?? [];
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

const readTags = (store: Store, resourceArn: string): Promise<Row<TagsDocument> | undefined> =>
  store.get<TagsDocument>(tagsKey(resourceArn));

/** The commit expects the resource as it was, so that no tags stay behind one that is being deleted. */
async function changeTags(
  ports: TaggingPorts,
  context: OperationContext,
  arnText: string,
  action: string,
  change: (before: readonly Tag[]) => Tag[],
): Promise<Tag[]> {
  return decideAndCommit<Tag[]>(ports.store, async () => {
    const { row: resource, arn } = await findResource(ports, context, arnText);
    const key = tagsKey(arn);
    const row = await readTags(ports.store, arn);
    const before = row?.document.tags ?? [];
    const after = change(before);
    if (JSON.stringify(after) === JSON.stringify(before)) return { result: after };
    checkedTags(after);
    const tags = after.map(({ Key, Value }) => ({ Key, Value }));
    const expect = [
      { key: resource.key, version: resource.version },
      { key, version: row?.version ?? 0 },
    ];
    const index = { createdAtMs: row?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs };
    const ledger = [entryOf(context, action, [arn], { Tags: [before.map((tag) => ({ ...tag })), tags] })];
    const commit =
      tags.length > 0 ? { expect, write: [{ key, document: { tags }, index }], ledger } : { expect, remove: [key], ledger };
    return { commit, result: after };
  });
}
