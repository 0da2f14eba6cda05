import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { changeTags, mergedTags, tagContext, withoutTags } from '../../../platform/resources/change-tags.ts';
import { readLiveSecret, secretNeeds } from '../secret-access.ts';
import type { SecretsPorts } from '../ports.ts';

const tagged = (ports: SecretsPorts, context: OperationContext, text: string) => async () => {
  const { key, version, document } = await readLiveSecret(ports.store, context, text);
  return { key, version, arn: document.arn };
};

export const tagResource = (ports: SecretsPorts): Operation<'secretsmanager:TagResource'> =>
  operation('secretsmanager:TagResource', {
    effect: 'change',
    needs: (input, context) =>
      secretNeeds(ports.store, context, 'secretsmanager:TagResource', input.SecretId, tagContext(input.Tags)),
    async handle(input, context) {
      await changeTags(ports.store, context, tagged(ports, context, input.SecretId), (before) => mergedTags(before, input.Tags));
      return {};
    },
  });

export const untagResource = (ports: SecretsPorts): Operation<'secretsmanager:UntagResource'> =>
  operation('secretsmanager:UntagResource', {
    effect: 'change',
    needs: (input, context) =>
      secretNeeds(ports.store, context, 'secretsmanager:UntagResource', input.SecretId, { 'aws:TagKeys': input.TagKeys }),
    async handle(input, context) {
      await changeTags(ports.store, context, tagged(ports, context, input.SecretId), (before) =>
        withoutTags(before, input.TagKeys),
      );
      return {};
    },
  });
