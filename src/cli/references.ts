import { AwsError, callJson } from './client.ts';
import type { Connection } from './connection.ts';
import { dataFlag } from './data-folder-option.ts';
import { failed, wrongUse } from './exit.ts';

/** EXECUTION: an ARN, an execution id, or a pipeline's name (its newest execution). Returns the ARN. */
export async function executionArnOf(connection: Connection, reference: string): Promise<string> {
  if (reference.startsWith('arn:')) return reference;
  try {
    const page = await callJson(connection, 'sagemaker:ListPipelineExecutions', {
      PipelineName: reference,
      SortBy: 'CreationTime',
      SortOrder: 'Descending',
      MaxResults: 1,
    });
    const newest = page.PipelineExecutionSummaries?.[0]?.PipelineExecutionArn;
    if (newest) return newest;
    throw failed(
      `Pipeline ${reference} has no execution yet. Start one: npx slipway run ${reference}${dataFlag(connection.folder)}`,
    );
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return executionArnById(connection, reference);
}

/** Executions are listed by pipeline, so an id alone is looked for pipeline by pipeline, newest first. */
async function executionArnById(connection: Connection, id: string): Promise<string> {
  let nextToken: string | undefined;
  do {
    const page = await callJson(connection, 'sagemaker:ListPipelines', { NextToken: nextToken, MaxResults: 100 });
    for (const pipeline of page.PipelineSummaries ?? []) {
      const arn = `${pipeline.PipelineArn}/execution/${id}`;
      try {
        await callJson(connection, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn: arn });
        return arn;
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    }
    nextToken = page.NextToken;
  } while (nextToken);
  throw failed(`No pipeline and no execution is called "${id}". List them: npx slipway status${dataFlag(connection.folder)}`);
}

/** What AWS answers for a name nothing bears, or that nothing can bear. */
const isAbsent = (error: unknown): boolean =>
  error instanceof AwsError && (error.code === 'ResourceNotFound' || error.code === 'ValidationException');

/** PACKAGE: an ARN, GROUP/N, or GROUP (its newest version). Returns the ARN. */
export async function packageArnOf(connection: Connection, reference: string): Promise<string> {
  if (reference.startsWith('arn:')) return reference;
  const [, group, version] = /^([^/]+)(?:\/([^/]+))?$/.exec(reference) ?? [];
  if (group === undefined) throw wrongUse(`"${reference}" names no version: give GROUP/N, or GROUP for its newest, or an ARN.`);
  let nextToken: string | undefined;
  do {
    const page = await callJson(connection, 'sagemaker:ListModelPackages', {
      ModelPackageGroupName: group,
      SortBy: 'CreationTime',
      SortOrder: 'Descending',
      NextToken: nextToken,
      MaxResults: 100,
    });
    for (const summary of page.ModelPackageSummaryList ?? []) {
      if (summary.ModelPackageArn && (!version || String(summary.ModelPackageVersion) === version))
        return summary.ModelPackageArn;
    }
    nextToken = page.NextToken;
  } while (nextToken);
  throw failed(
    version ? `Model package group ${group} has no version ${version}.` : `Model package group ${group} has no version yet.`,
  );
}
