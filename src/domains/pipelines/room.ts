import type { Room } from '../../platform/calls/operation.ts';
import { checkOptionsOf } from '../../platform/definitions/check-options.ts';
import { Definitions } from './definitions.ts';
import { sendPipelineExecutionStepFailure, sendPipelineExecutionStepSuccess } from './operations/answer-callbacks.ts';
import {
  describePipelineDefinitionForExecution,
  describePipelineExecution,
  listPipelineExecutions,
  listPipelineExecutionSteps,
  listPipelineParametersForExecution,
} from './operations/read-executions.ts';
import { describePipeline, listPipelines, listPipelineVersions } from './operations/read-pipelines.ts';
import { retryPipelineExecution } from './operations/retry-execution.ts';
import { startPipelineExecution, stopPipelineExecution, updatePipelineExecution } from './operations/write-executions.ts';
import { createPipeline, deletePipeline, updatePipeline, updatePipelineVersion } from './operations/write-pipelines.ts';
import type { PipelinePorts } from './ports.ts';
import { executionReconciler } from './reconcile-execution.ts';
import { remainsReconciler } from './reconcile-remains.ts';
import { PIPELINE, PIPELINE_EXECUTION } from './resources.ts';
import { stepCalls } from './steps/table.ts';
import { Watch } from './watch.ts';

/** SageMaker Pipelines: definitions, their versions, and executions that really run. */
export function createPipelinesRoom(ports: PipelinePorts): Room {
  const { store } = ports;
  const definitions = new Definitions(store);
  const watch = new Watch();
  const check = checkOptionsOf(() => ports.model);
  return {
    name: 'pipelines',
    operations: [
      createPipeline(ports, check),
      updatePipeline(ports, check),
      updatePipelineVersion(ports),
      deletePipeline(ports),
      describePipeline(store, definitions),
      listPipelines(store),
      listPipelineVersions(store),
      startPipelineExecution(ports, definitions),
      retryPipelineExecution(ports),
      stopPipelineExecution(ports),
      updatePipelineExecution(ports),
      describePipelineExecution(store),
      listPipelineExecutions(store),
      listPipelineExecutionSteps(store),
      listPipelineParametersForExecution(store),
      describePipelineDefinitionForExecution(store, definitions),
      sendPipelineExecutionStepSuccess(store),
      sendPipelineExecutionStepFailure(store),
    ],
    resources: [PIPELINE, PIPELINE_EXECUTION],
    reconcilers: [executionReconciler(ports, definitions, watch), remainsReconciler(ports)],
    calls: ['s3:GetObject', 's3:ListObjectsV2', ...stepCalls()],
    subscriptions: watch.subscriptions,
  };
}
