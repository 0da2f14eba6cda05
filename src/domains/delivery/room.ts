import type { Room } from '../../platform/calls/operation.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import { actionCalls } from './actions/table.ts';
import { listActionTypes } from './operations/action-types.ts';
import { putApprovalResult } from './operations/approvals.ts';
import { startPipelineExecution, stopPipelineExecution } from './operations/executions.ts';
import { getJobDetails, putJobFailureResult, putJobSuccessResult } from './operations/jobs.ts';
import { createPipeline, deletePipeline, getPipeline, listPipelines, updatePipeline } from './operations/pipelines.ts';
import { getPipelineExecution, listActionExecutions, listPipelineExecutions } from './operations/read-executions.ts';
import { retryStageExecution, rollbackStage } from './operations/retry.ts';
import { disableStageTransition, enableStageTransition, getPipelineState } from './operations/state.ts';
import { listTagsForResource, tagResource, untagResource } from './operations/tags.ts';
import { listRuleExecutions, listRuleTypes } from './operations/rules.ts';
import { putActionRevision } from './operations/revisions.ts';
import {
  deleteWebhook,
  deregisterWebhookWithThirdParty,
  listWebhooks,
  putWebhook,
  registerWebhookWithThirdParty,
} from './operations/webhooks.ts';
import type { DeliveryPorts } from './ports.ts';
import { webhookRoute } from './receive-webhook.ts';
import { executionReconciler } from './reconcile-execution.ts';
import { remainsReconciler } from './reconcile-remains.ts';
import { sourceReconciler, sourceSubscriptions } from './reconcile-sources.ts';
import { DELIVERY_PIPELINE, DELIVERY_WEBHOOK } from './resources.ts';
import { Watch } from './watch.ts';

export interface DeliveryRoom extends Room {
  /** Where webhooks are received. */
  readonly route: WebRoute;
}

/** CodePipeline: delivery pipelines that really run. */
export function createDeliveryRoom(ports: DeliveryPorts): DeliveryRoom {
  const watch = new Watch();
  const places = new Set<string>();
  return {
    name: 'delivery',
    operations: [
      createPipeline(ports),
      getPipeline(ports),
      updatePipeline(ports),
      deletePipeline(ports),
      listPipelines(ports),
      startPipelineExecution(ports),
      stopPipelineExecution(ports),
      getPipelineExecution(ports),
      listPipelineExecutions(ports),
      listActionExecutions(ports),
      getPipelineState(ports),
      enableStageTransition(ports),
      disableStageTransition(ports),
      retryStageExecution(ports),
      rollbackStage(ports),
      putApprovalResult(ports),
      putJobSuccessResult(ports),
      putJobFailureResult(ports),
      getJobDetails(ports),
      listActionTypes(),
      tagResource(ports),
      untagResource(ports),
      listTagsForResource(ports),
      putActionRevision(ports),
      listRuleExecutions(ports),
      listRuleTypes(),
      putWebhook(ports),
      deleteWebhook(ports),
      listWebhooks(ports),
      registerWebhookWithThirdParty(ports),
      deregisterWebhookWithThirdParty(ports),
    ],
    resources: [DELIVERY_PIPELINE, DELIVERY_WEBHOOK],
    route: webhookRoute(ports),
    reconcilers: [executionReconciler(ports, watch), sourceReconciler(ports, places), remainsReconciler(ports)],
    calls: [...new Set([...actionCalls(), 'codecommit:ListBranches', 'codecommit:GetDifferences'] as const)],
    subscriptions: [...watch.subscriptions, ...sourceSubscriptions(places)],
  };
}
