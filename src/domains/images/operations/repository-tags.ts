import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { keyOfArn } from '../../../platform/resources/declaration.ts';
import { checkedTags, type Tag, tagsKey } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Store } from '../../../platform/store/port.ts';
import type { ImagesPorts } from '../ports.ts';
import { invalidParameter, readRepository } from '../repository-access.ts';
import { REPOSITORY } from '../resources.ts';

async function ownerOf(store: Store, context: OperationContext, resourceArn: string) {
  const key = keyOfArn(REPOSITORY, resourceArn);
  if (!key) throw invalidParameter(`Invalid parameter at 'resourceArn': "${resourceArn}" is no ARN of a repository.`);
  return readRepository(store, { ...context, region: key.region }, { repositoryName: key.name, registryId: key.account });
}

type TagsDocument = { tags: { Key: string; Value: string }[] };

async function readTags(store: Store, arn: string): Promise<Tag[]> {
  return (await store.get<TagsDocument>(tagsKey(arn)))?.document.tags ?? [];
}

async function changeTags(
  store: Store,
  context: OperationContext,
  arn: string,
  change: (tags: readonly Tag[]) => Tag[],
): Promise<void> {
  await decideAndCommit(store, async () => {
    const owner = await ownerOf(store, context, arn);
    const key = tagsKey(arn);
    const row = await store.get<TagsDocument>(key);
    const before = row?.document.tags ?? [];
    const after = checkedTags(change(before)).map(({ Key, Value }) => ({ Key, Value }));
    if (JSON.stringify(before) === JSON.stringify(after)) return { result: undefined };
    return {
      commit: {
        expect: [
          { key: owner.key, version: owner.version },
          { key, version: row?.version ?? 0 },
        ],
        write: [
          {
            key,
            document: { tags: after },
            index: { createdAtMs: row?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs },
          },
        ],
        ledger: [entryOf(context, context.operation, [arn], { tags: [before, after] })],
      },
      result: undefined,
    };
  });
}

export const tagResource = ({ store }: ImagesPorts): Operation<'ecr:TagResource'> =>
  operation('ecr:TagResource', {
    effect: 'change',
    needs: ({ resourceArn }) => [{ action: 'ecr:TagResource', resources: [resourceArn] }],
    async handle(input, context) {
      const added = input.tags.map(({ Key = '', Value = '' }) => ({ Key, Value }));
      const names = added.map(({ Key }) => Key);
      await changeTags(store, context, input.resourceArn, (tags) => [
        ...tags.filter(({ Key }) => !names.includes(Key)),
        ...added,
      ]);
      return {};
    },
  });

export const untagResource = ({ store }: ImagesPorts): Operation<'ecr:UntagResource'> =>
  operation('ecr:UntagResource', {
    effect: 'change',
    needs: ({ resourceArn }) => [{ action: 'ecr:UntagResource', resources: [resourceArn] }],
    async handle(input, context) {
      await changeTags(store, context, input.resourceArn, (tags) => tags.filter(({ Key }) => !input.tagKeys.includes(Key)));
      return {};
    },
  });

export const listTagsForResource = ({ store }: ImagesPorts): Operation<'ecr:ListTagsForResource'> =>
  operation('ecr:ListTagsForResource', {
    effect: 'read',
    needs: ({ resourceArn }) => [{ action: 'ecr:ListTagsForResource', resources: [resourceArn] }],
    async handle(input, context) {
      await ownerOf(store, context, input.resourceArn);
      return { tags: (await readTags(store, input.resourceArn)).map((tag) => ({ ...tag })) };
    },
  });
