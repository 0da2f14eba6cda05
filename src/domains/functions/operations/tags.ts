import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { checkedTags, type Tag, tagsKey } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import type { FunctionsPorts } from '../ports.ts';
import { functionArn } from '../resources.ts';
import { namedFunction, readFunction } from '../runnable.ts';

type TagMap = Record<string, string>;

const tagNeed =
  (action: string) =>
  ({ Resource }: { readonly Resource: string }) => [{ action, resources: [Resource] }];

export const tagOperations = (ports: FunctionsPorts): AnyOperation[] => [
  operation('lambda:ListTags', {
    effect: 'read',
    needs: tagNeed('lambda:ListTags'),
    async handle({ Resource }, context) {
      const { arn } = await taggedFunction(ports, context, Resource);
      return { Tags: await readTags(ports, arn) };
    },
  }),
  operation('lambda:TagResource', {
    effect: 'change',
    needs: tagNeed('lambda:TagResource'),
    handle: (input, context) => changeTags(ports, context, input.Resource, (before) => ({ ...before, ...input.Tags })),
  }),
  operation('lambda:UntagResource', {
    effect: 'change',
    needs: tagNeed('lambda:UntagResource'),
    handle: (input, context) =>
      changeTags(ports, context, input.Resource, (before) =>
        Object.fromEntries(Object.entries(before).filter(([name]) => !input.TagKeys.includes(name))),
      ),
  }),
];

async function taggedFunction(ports: FunctionsPorts, context: OperationContext, resource: string) {
  const { name, qualifier } = namedFunction(resource, undefined, context);
  if (qualifier !== undefined) {
    throw new ServiceError(
      'InvalidParameterValueException',
      'Tags on function aliases and versions are not supported. Please specify a function ARN.',
    );
  }
  return { row: await readFunction(ports.store, context, name), arn: functionArn(context, name) };
}

export async function readTags({ store }: FunctionsPorts, arn: string): Promise<TagMap> {
  const row = await readRow<{ readonly tags: readonly Tag[] }>(store, tagsKey(arn));
  return Object.fromEntries((row?.document.tags ?? []).map(({ Key, Value }) => [Key, Value]));
}

/** The commit expects the function as it was, so that no tags stay behind one that is being deleted. */
async function changeTags(
  ports: FunctionsPorts,
  context: OperationContext,
  resource: string,
  change: (before: TagMap) => TagMap,
): Promise<object> {
  return decideAndCommit(ports.store, async () => {
    const { row, arn } = await taggedFunction(ports, context, resource);
    const key = tagsKey(arn);
    const existing = await readRow<{ readonly tags: readonly Tag[] }>(ports.store, key);
    const before = Object.fromEntries((existing?.document.tags ?? []).map(({ Key, Value }) => [Key, Value]));
    const after = change(before);
    const tags = checkedTags(Object.entries(after).map(([Key, Value]) => ({ Key, Value })));
    const changes = changedMembers(before, after);
    if (Object.keys(changes).length === 0) return { result: {} };
    const index = { createdAtMs: existing?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs };
    return {
      result: {},
      commit: {
        expect: [
          { key, version: existing?.version ?? 0 },
          { key: row.key, version: row.version },
        ],
        write: [{ key, document: { tags: tags.map(({ Key, Value }) => ({ Key, Value })) }, index }],
        ledger: [entryOf(context, context.operation, [arn], { Tags: [before, after] })],
      },
    };
  });
}
