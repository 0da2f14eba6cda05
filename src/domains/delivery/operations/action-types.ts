import type { ActionCategory, ActionType } from '../../../contract/generated/codepipeline.ts';
import { operation } from '../../../platform/calls/operation.ts';
import { ACTION_TYPES, type ActionTypeRule } from '../decide-action-types.ts';

const actionType = (rule: ActionTypeRule, category: ActionCategory): ActionType => ({
  id: { category, owner: rule.owner, provider: rule.provider, version: '1' },
  actionConfigurationProperties: Object.entries(rule.configuration).map(([name, { required, secret, description }]) => ({
    name,
    required: required === true,
    key: required === true,
    secret: secret === true,
    queryable: false,
    description,
    type: 'String',
  })),
  inputArtifactDetails: { minimumCount: rule.inputs[0], maximumCount: rule.inputs[1] },
  outputArtifactDetails: { minimumCount: rule.outputs[0], maximumCount: rule.outputs[1] },
});

/** What a structure may contain here. */
export const listActionTypes = () =>
  operation('codepipeline:ListActionTypes', {
    effect: 'read',
    needs: () => [{ action: 'codepipeline:ListActionTypes', resources: ['*'] }],
    handle: async ({ actionOwnerFilter }) => ({
      actionTypes: ACTION_TYPES.filter(({ owner }) => actionOwnerFilter === undefined || owner === actionOwnerFilter).flatMap(
        (rule) => rule.categories.map((category) => actionType(rule, category)),
      ),
    }),
  });
