import { operation } from '../../../platform/calls/operation.ts';
import type { DeliveryPorts } from '../ports.ts';
import { pipelineArn } from '../resources.ts';
import { readPipeline } from '../rows.ts';

/** Structures with conditions are refused, so no rule ever ran. */
export const listRuleExecutions = ({ store }: DeliveryPorts) =>
  operation('codepipeline:ListRuleExecutions', {
    effect: 'read',
    needs: ({ pipelineName }, context) => [
      { action: 'codepipeline:ListRuleExecutions', resources: [pipelineArn(context, pipelineName)] },
    ],
    async handle({ pipelineName }, context) {
      await readPipeline(store, context, pipelineName);
      return { ruleExecutionDetails: [] };
    },
  });

/** No type of rule can be used here. */
export const listRuleTypes = () =>
  operation('codepipeline:ListRuleTypes', {
    effect: 'read',
    needs: () => [{ action: 'codepipeline:ListRuleTypes', resources: ['*'] }],
    handle: async () => ({ ruleTypes: [] }),
  });
