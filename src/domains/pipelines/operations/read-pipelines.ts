import { operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { pageQuery } from '../../../platform/resources/list-query.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import type { Store } from '../../../platform/store/port.ts';
import { listRows, type Read, readRow } from '../../../platform/store/typed-rows.ts';
import type { Definitions } from '../definitions.ts';
import { pipelineArn, readPipeline } from '../names.ts';
import { incarnationOf, type PipelineDocument, type VersionDocument, versionKey } from '../resources.ts';

/** The SDK lists without asking for further pages, so a page is as long as AWS allows. */
export const PAGE_SIZE = 100;

export const describePipeline = (store: Store, definitions: Definitions) =>
  operation('sagemaker:DescribePipeline', {
    effect: 'read',
    needs: (input, context) => [{ action: 'sagemaker:DescribePipeline', resources: [pipelineArn(context, input.PipelineName)] }],
    async handle(input, context) {
      if (input.PipelineVersionAlias !== undefined) throw aliasesLacking();
      const { document } = await readPipeline(store, context, input.PipelineName);
      const { document: version } = await readVersion(store, context, document, input.PipelineVersionId ?? document.versionId);
      return {
        PipelineArn: document.arn,
        PipelineName: document.name,
        PipelineDisplayName: document.displayName,
        PipelineDefinition: await definitions.text(context, version.definitionDigest),
        PipelineDescription: document.description,
        RoleArn: document.roleArn,
        PipelineStatus: 'Active' as const,
        CreationTime: document.createdAtMs,
        LastModifiedTime: document.modifiedAtMs,
        LastRunTime: document.lastRunAtMs,
        CreatedBy: document.createdBy,
        LastModifiedBy: document.modifiedBy,
        ParallelismConfiguration: parallelismOf(document),
        PipelineVersionDisplayName: version.displayName,
        PipelineVersionDescription: version.description,
      };
    },
  });

export const parallelismOf = ({ maxParallelSteps }: { maxParallelSteps?: number }) =>
  maxParallelSteps === undefined ? undefined : { MaxParallelExecutionSteps: maxParallelSteps };

export const aliasesLacking = (): ServiceError =>
  new ServiceError('NotImplementedException', 'Aliases of pipeline versions are not implemented yet. Give PipelineVersionId.');

export async function readVersion(
  store: Store,
  place: { account: string; region: string },
  pipeline: PipelineDocument,
  versionId: number,
): Promise<Read<VersionDocument>> {
  const row = await readRow<VersionDocument>(store, versionKey(place, pipeline, versionId));
  if (row) return row;
  throw new ServiceError(
    'ResourceNotFound',
    `Pipeline '${pipeline.arn}' has no version ${versionId}. Its newest version is ${pipeline.versionId}.`,
  );
}

export const listPipelines = (store: Store) =>
  operation('sagemaker:ListPipelines', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListPipelines', resources: ['*'] }],
    async handle(input, context) {
      const { rows, next } = await listRows<PipelineDocument>(store, {
        account: context.account,
        region: context.region,
        kind: 'Pipeline',
        namePrefix: input.PipelineNamePrefix?.toLowerCase(),
        createdAfterMs: input.CreatedAfter,
        createdBeforeMs: input.CreatedBefore,
        sortBy: input.SortBy === 'Name' ? 'name' : 'created',
        ...pageQuery(input, PAGE_SIZE),
      });
      const PipelineSummaries = rows.map(({ document }) => ({
        PipelineArn: document.arn,
        PipelineName: document.name,
        PipelineDisplayName: document.displayName,
        PipelineDescription: document.description,
        RoleArn: document.roleArn,
        CreationTime: document.createdAtMs,
        LastModifiedTime: document.modifiedAtMs,
        LastExecutionTime: document.lastRunAtMs,
      }));
      return { PipelineSummaries, NextToken: encodePageToken(next) };
    },
  });

export const listPipelineVersions = (store: Store) =>
  operation('sagemaker:ListPipelineVersions', {
    effect: 'read',
    needs: (input, context) => [
      { action: 'sagemaker:ListPipelineVersions', resources: [pipelineArn(context, input.PipelineName)] },
    ],
    async handle(input, context) {
      const { document: pipeline } = await readPipeline(store, context, input.PipelineName);
      const { rows, next } = await listRows<VersionDocument>(store, {
        account: context.account,
        region: context.region,
        kind: 'PipelineVersion',
        parent: incarnationOf(pipeline),
        createdAfterMs: input.CreatedAfter,
        createdBeforeMs: input.CreatedBefore,
        sortBy: 'ordinal',
        ...pageQuery(input, PAGE_SIZE),
      });
      const PipelineVersionSummaries = rows.map(({ document }) => ({
        PipelineArn: pipeline.arn,
        PipelineVersionId: document.versionId,
        CreationTime: document.createdAtMs,
        PipelineVersionDisplayName: document.displayName,
        PipelineVersionDescription: document.description,
      }));
      return { PipelineVersionSummaries, NextToken: encodePageToken(next) };
    },
  });
