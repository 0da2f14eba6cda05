import { operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { uuidOf } from '../names.ts';
import type { DeliveryPorts } from '../ports.ts';
import { actionArn, executionKey, incarnationOf, pipelineArn } from '../resources.ts';
import { readPipeline } from '../rows.ts';
import { merged, resolveVariables, startParts } from '../start-execution.ts';
import { checkAction } from './approvals.ts';

/** Tells of a new revision of a source; one that was told before starts nothing again. */
export const putActionRevision = (ports: DeliveryPorts) =>
  operation('codepipeline:PutActionRevision', {
    effect: 'change',
    needs: ({ pipelineName, stageName, actionName }, context) => [
      {
        action: 'codepipeline:PutActionRevision',
        resources: [actionArn(pipelineArn(context, pipelineName), stageName, actionName)],
      },
    ],
    handle: ({ pipelineName, stageName, actionName, actionRevision: { revisionId, revisionChangeId } }, context) =>
      decideAndCommit(ports.store, async (count) => {
        const pipeline = await readPipeline(ports.store, context, pipelineName);
        const { declaration, arn } = pipeline.document;
        checkAction(pipeline.document, stageName, actionName);
        const action = declaration.stages[0]?.actions.find(({ name }) => name === actionName);
        if (!action || declaration.stages[0]?.name !== stageName) {
          throw new ServiceError('ValidationException', `${actionName} in stage ${stageName} is no source action.`);
        }
        const incarnation = incarnationOf(pipeline.document);
        const executionId = uuidOf('revision', incarnation, actionName, revisionId, revisionChangeId);
        if (await ports.store.get(executionKey(context, incarnation, executionId))) {
          return { result: { newRevision: count > 0, pipelineExecutionId: executionId } };
        }
        const isObject = action.actionTypeId.provider === 'S3';
        const request = {
          executionId,
          trigger: { type: 'PutActionRevision' as const, detail: context.principal.arn },
          variables: resolveVariables(declaration),
          restricted: context.principal.sessionPolicy !== undefined,
          overrides: [
            {
              actionName,
              revisionType: isObject ? ('S3_OBJECT_VERSION_ID' as const) : ('COMMIT_ID' as const),
              revisionValue: revisionId,
            },
          ],
        };
        const parts = await startParts(ports.store, context, pipeline, request, context.nowMs);
        const entry = entryOf(context, context.operation, [actionArn(arn, stageName, actionName)], {
          executionId: [null, executionId],
          revisionId: [null, revisionId],
        });
        return { result: { newRevision: true, pipelineExecutionId: executionId }, commit: merged(parts, { ledger: [entry] }) };
      }),
  });
