import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { absentError, arnOf, type Place } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import {
  executionKey,
  executionName,
  type ExecutionDocument,
  incarnationOf,
  PIPELINE,
  PIPELINE_EXECUTION,
  pipelineKey,
  type PipelineDocument,
} from './resources.ts';

/** The name in a pipeline's name or ARN; an ARN of another account or region names nothing here. */
export function pipelineNameOf(context: OperationContext, nameOrArn: string): string {
  const arn = parseArn(nameOrArn);
  if (!arn) return nameOrArn;
  const [type, name, ...rest] = arn.resource.split('/');
  if (type !== 'pipeline' || name === undefined || rest.length > 0) {
    throw new ServiceError(
      'ValidationException',
      `"${nameOrArn}" is not the ARN of a pipeline: it should end in ":pipeline/<name>".`,
    );
  }
  if (arn.account !== context.account || arn.region !== context.region) throw absentError(PIPELINE, arn, name);
  return name;
}

export const pipelineArn = (context: OperationContext, nameOrArn: string): string =>
  arnOf(PIPELINE, context, pipelineNameOf(context, nameOrArn));

export interface NamedExecution {
  readonly pipelineName: string;
  readonly executionId: string;
  readonly arn: string;
}

export function executionOf(context: OperationContext, arnText: string): NamedExecution {
  const arn = parseArn(arnText);
  const [type, pipelineName, middle, executionId, ...rest] = arn?.resource.split('/') ?? [];
  if (!arn || type !== 'pipeline' || middle !== 'execution' || !pipelineName || !executionId || rest.length > 0) {
    throw new ServiceError(
      'ValidationException',
      `"${arnText}" is not the ARN of a pipeline execution: it should end in ":pipeline/<name>/execution/<id>".`,
    );
  }
  if (arn.account !== context.account || arn.region !== context.region) {
    throw absentError(PIPELINE_EXECUTION, arn, executionName(pipelineName, executionId));
  }
  return { pipelineName, executionId, arn: arnOf(PIPELINE_EXECUTION, context, executionName(pipelineName, executionId)) };
}

/** Of an ARN that `executionOf` accepted. */
export function executionKeyOfArn(place: Place, arn: string): ResourceKey {
  const [, pipelineName = '', , executionId = ''] = parseArn(arn)?.resource.split('/') ?? [];
  return executionKey(place, pipelineName, executionId);
}

export async function readPipeline(store: Store, context: OperationContext, nameOrArn: string): Promise<Read<PipelineDocument>> {
  const name = pipelineNameOf(context, nameOrArn);
  const row = await readRow<PipelineDocument>(store, pipelineKey(context, name));
  if (!row) throw absentError(PIPELINE, context, name);
  return row;
}

/** An execution of a pipeline that was deleted is gone with it, even while its rows are still being removed. */
export async function readExecution(store: Store, context: OperationContext, arnText: string): Promise<Read<ExecutionDocument>> {
  const { pipelineName, executionId } = executionOf(context, arnText);
  const [row, pipeline] = await Promise.all([
    readRow<ExecutionDocument>(store, executionKey(context, pipelineName, executionId)),
    readRow<PipelineDocument>(store, pipelineKey(context, pipelineName)),
  ]);
  if (!row || !pipeline || row.index.parent !== incarnationOf(pipeline.document)) {
    throw absentError(PIPELINE_EXECUTION, context, executionName(pipelineName, executionId));
  }
  return row;
}
