import type { JobData, PipelineDeclaration } from '../../contract/generated/codepipeline.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import type { Write } from '../../platform/store/port.ts';
import { writeOf } from '../../platform/store/typed-rows.ts';
import { uuidOf } from './names.ts';
import { declarationOf } from './rows.ts';
import { type ActionRecord, type ExecutionDocument, jobKey, type JobDocument } from './resources.ts';

/** A function's job: which call of the function an answer is for. */
interface KeptJob {
  /** Counts the calls of one attempt at an action, from 1: each continuation token is followed by another. */
  readonly serial: number;
  readonly continuationToken?: string;
}

export const keptJob = ({ kept }: ActionRecord): KeptJob => (kept ? (kept as unknown as KeptJob) : { serial: 1 });

/** Of a job and of the function's invocation for it. Whoever knows it may answer: with `sealingKey` nobody can work it out. */
export const jobIdOf = (sealingKey: string, action: Pick<ActionRecord, 'id'>, serial: number): string =>
  uuidOf('job', sealingKey, action.id, serial);

/** What is shown of a job: no way leads back to its id. */
export const shownJobId = (jobId: string): string => uuidOf('shown job', jobId);

/** The row by which an answer finds its action. */
export function jobWrite(sealingKey: string, execution: ResourceKey, actionId: string, serial: number, nowMs: number): Write {
  const document: JobDocument = { executionKey: keyText(execution), actionId, serial, status: 'open' };
  return writeOf(jobKey(execution, jobIdOf(sealingKey, { id: actionId }, serial)), document, {
    parent: execution.name,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
  });
}

/** What a worker is told of its job, without credentials. */
export function jobDataOf(execution: ExecutionDocument, structure: PipelineDeclaration, action: ActionRecord): JobData {
  const declared = declarationOf(structure, action);
  const artifact = ({ name, bucket, key }: { name: string; bucket: string; key: string }) => ({
    name,
    location: { type: 'S3' as const, s3Location: { bucketName: bucket, objectKey: key } },
  });
  const { continuationToken } = keptJob(action);
  const encryptionKey = structure.artifactStore?.encryptionKey;
  return {
    ...(declared && { actionTypeId: declared.actionTypeId }),
    actionConfiguration: { configuration: action.configuration ?? {} },
    pipelineContext: {
      pipelineName: execution.pipelineName,
      pipelineArn: execution.pipelineArn,
      pipelineExecutionId: execution.executionId,
      stage: { name: action.stage },
      action: { name: action.name, actionExecutionId: action.id },
    },
    inputArtifacts: (action.inputs ?? []).map(artifact),
    outputArtifacts: (action.outputs ?? []).map(artifact),
    ...(continuationToken !== undefined && { continuationToken }),
    ...(encryptionKey && { encryptionKey }),
  };
}
