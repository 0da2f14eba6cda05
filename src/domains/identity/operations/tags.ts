import { type AnyOperation, operation } from '../../../platform/calls/operation.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { decideTags } from '../decide-roles.ts';
import { changeHolder, holderName, holderNeed, readHolder } from '../holders.ts';
import { pageOf } from '../pages.ts';
import type { OperationPorts } from '../ports.ts';
import type { Tags } from '../resources.ts';
import { changePolicy, readPolicyTags } from './managed-policies.ts';

/** The operations on tags of users and roles; each is typed as that of users. */
export function holderTagOperations(ports: OperationPorts, kind: 'User' | 'Role'): readonly AnyOperation[] {
  const tag = operation(`iam:Tag${kind}` as 'iam:TagUser', {
    effect: 'change',
    needs: holderNeed(ports, kind, `iam:Tag${kind}`),
    async handle(input, context) {
      await changeHolder(ports, context, kind, holderName(kind, input), (holder) => ({
        document: { ...holder, Tags: addedTags(holder.Tags ?? [], input.Tags) },
      }));
      return {};
    },
  });
  const untag = operation(`iam:Untag${kind}` as 'iam:UntagUser', {
    effect: 'change',
    needs: holderNeed(ports, kind, `iam:Untag${kind}`),
    async handle(input, context) {
      await changeHolder(ports, context, kind, holderName(kind, input), (holder) => ({
        document: { ...holder, Tags: withoutKeys(holder.Tags ?? [], input.TagKeys) },
      }));
      return {};
    },
  });
  const list = operation(`iam:List${kind}Tags` as 'iam:ListUserTags', {
    effect: 'read',
    needs: holderNeed(ports, kind, `iam:List${kind}Tags`),
    async handle(input, context) {
      const { document } = await readHolder(ports.store, context, kind, holderName(kind, input));
      return tagPage(document.Tags ?? [], input);
    },
  });
  return [tag, untag, list];
}

export const tagPolicy = (ports: OperationPorts) =>
  operation('iam:TagPolicy', {
    effect: 'change',
    needs: ({ PolicyArn }) => [{ action: 'iam:TagPolicy', resources: [PolicyArn] }],
    async handle(input, context) {
      await changePolicy(ports, context, input.PolicyArn, (policy) => ({ ...policy, Tags: addedTags(policy.Tags, input.Tags) }));
      return {};
    },
  });

export const untagPolicy = (ports: OperationPorts) =>
  operation('iam:UntagPolicy', {
    effect: 'change',
    needs: ({ PolicyArn }) => [{ action: 'iam:UntagPolicy', resources: [PolicyArn] }],
    async handle(input, context) {
      await changePolicy(ports, context, input.PolicyArn, (policy) => ({
        ...policy,
        Tags: withoutKeys(policy.Tags, input.TagKeys),
      }));
      return {};
    },
  });

export const listPolicyTags = (ports: OperationPorts) =>
  operation('iam:ListPolicyTags', {
    effect: 'read',
    needs: ({ PolicyArn }) => [{ action: 'iam:ListPolicyTags', resources: [PolicyArn] }],
    handle: async (input, context) => tagPage(await readPolicyTags(ports, context, input.PolicyArn), input),
  });

function addedTags(before: Tags, added: Tags): Tags {
  const tagging = decideTags(before, added);
  if ('rejection' in tagging) refuse(tagging.rejection);
  return 'tags' in tagging ? tagging.tags : before;
}

function withoutKeys(before: Tags, keys: readonly string[]): Tags {
  const gone = new Set(keys.map((key) => key.toLowerCase()));
  return before.filter(({ Key }) => !gone.has(Key.toLowerCase()));
}

function tagPage(tags: Tags, { Marker, MaxItems }: { readonly Marker?: string; readonly MaxItems?: number }) {
  // tag keys hold characters that names do not, so they are paged under their hexadecimal form
  const { page, ...rest } = pageOf(tags, ({ Key }) => Buffer.from(Key, 'utf8').toString('hex').slice(0, 128), Marker, MaxItems);
  return { Tags: page, ...rest };
}
