import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted } from '../../../platform/errors/rejection.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { mergedTags, readTags, tagContext, tagList, tagMap, withoutTags } from '../../../platform/resources/change-tags.ts';
import { parseArn } from '../../../platform/resources/arn.ts';
import { type Tag, TAGS_MAX, tagsKey } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { parseTagSettings } from '../decide-follow.ts';
import type { OwnPorts } from '../ports.ts';
import { readRepository, type RepositoryRow } from '../repository-access.ts';
import { REPOSITORY_FOLLOW, repositoryArn } from '../resources.ts';
import { tagged } from './repositories.ts';

export function checkedTagMap(tags: { readonly [key: string]: string }): Tag[] {
  const list = tagList(tags);
  if (list.length > TAGS_MAX) throw new ServiceError('TooManyTagsException', `A repository has at most ${TAGS_MAX} tags.`);
  const system = list.find(({ Key }) => /^aws:/i.test(Key));
  if (system) throw new ServiceError('InvalidSystemTagUsageException', `The tag key ${system.Key} is reserved for AWS.`);
  return list;
}

const nameOf = (context: OperationContext, arn: string): string => {
  const name = parseArn(arn)?.resource;
  // as a whole: policies were asked about just this text
  if (name !== undefined && repositoryArn(context, name) === arn) return name;
  throw new ServiceError('InvalidResourceArnException', `The value for the resource ARN is not valid: ${arn}.`);
};

export const tagResource = (own: OwnPorts): Operation<'codecommit:TagResource'> =>
  operation('codecommit:TagResource', {
    effect: 'change',
    needs: ({ resourceArn, tags }) => [
      { action: 'codecommit:TagResource', resources: [resourceArn], context: tagContext(tagList(tags)) },
    ],
    async handle({ resourceArn, tags }, context) {
      checkedTagMap(tags);
      await changeRepositoryTags(own, context, resourceArn, (before) => mergedTags(before, tagList(tags)));
      return {};
    },
  });

export const untagResource = (own: OwnPorts): Operation<'codecommit:UntagResource'> =>
  operation('codecommit:UntagResource', {
    effect: 'change',
    needs: ({ resourceArn, tagKeys }) => [
      { action: 'codecommit:UntagResource', resources: [resourceArn], context: { 'aws:TagKeys': tagKeys } },
    ],
    async handle({ resourceArn, tagKeys }, context) {
      await changeRepositoryTags(own, context, resourceArn, (before) => withoutTags(before, tagKeys));
      return {};
    },
  });

export const listTagsForResource = (own: OwnPorts): Operation<'codecommit:ListTagsForResource'> =>
  operation('codecommit:ListTagsForResource', {
    effect: 'read',
    needs: ({ resourceArn }) => [{ action: 'codecommit:ListTagsForResource', resources: [resourceArn] }],
    async handle({ resourceArn }, context) {
      await readRepository(own.store, context, nameOf(context, resourceArn));
      return { tags: tagMap(await readTags(own.store, resourceArn)) };
    },
  });

/** Tags and what some of them say of the repository, in one commit. */
async function changeRepositoryTags(
  own: OwnPorts,
  context: OperationContext,
  arn: string,
  change: (before: readonly Tag[]) => readonly Tag[],
): Promise<void> {
  const name = nameOf(context, arn);
  await decideAndCommit(own.store, async () => {
    const row = await readRepository(own.store, context, name);
    const tagRow = await own.store.get<{ tags: { Key: string; Value: string }[] }>(tagsKey(arn));
    const before = tagRow?.document.tags ?? [];
    const tags = change(before).map(({ Key, Value }) => ({ Key, Value }));
    if (JSON.stringify(tags) === JSON.stringify(before)) return { result: undefined };
    if (tags.length > TAGS_MAX) throw new ServiceError('TooManyTagsException', `A repository has at most ${TAGS_MAX} tags.`);
    const document = retagged(row, context, tags);
    const { key, version, index } = row;
    const tagIndex = { createdAtMs: tagRow?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs };
    return {
      commit: {
        expect: [
          { key, version },
          { key: tagsKey(arn), version: tagRow?.version ?? 0 },
        ],
        write: [
          { key, document, index },
          ...(tags.length > 0 ? [{ key: tagsKey(arn), document: { tags }, index: tagIndex }] : []),
        ],
        ...(tags.length === 0 && { remove: [tagsKey(arn)] }),
        timers: [{ reconciler: REPOSITORY_FOLLOW, key, dueAtMs: document.follow ? context.nowMs : null }],
        ledger: [entryOf(context, context.operation, [arn], { Tags: [before, tags] })],
      },
      result: undefined,
    };
  });
}

/** Whose rights the remote is followed with stays as it was while nothing of the following changes. */
function retagged(row: RepositoryRow, context: OperationContext, tags: readonly Tag[]): RepositoryRow['document'] {
  const { follow, protected: _before, ...rest } = row.document;
  const now = tagged(context, accepted(parseTagSettings(tags)));
  const same =
    follow?.url === now.follow?.url &&
    follow?.secret === now.follow?.secret &&
    follow?.intervalSeconds === now.follow?.intervalSeconds;
  return { ...rest, ...now, ...(same && follow && { follow }) };
}
