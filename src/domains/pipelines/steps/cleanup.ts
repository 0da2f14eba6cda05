import type { CleanupFailure } from '../../../contract/generated/sagemaker.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { parseS3Uri } from '../../../platform/objects/s3-uri.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import type { Json, JsonObject } from '../../../../sdk/definition/index.ts';
import { childName, isJsonObject } from '../../../../sdk/definition/index.ts';
import { isPassing } from '../../../platform/errors/passing.ts';
import { type StepDocument, stepKey } from '../resources.ts';
import type { StepKind, Work } from './step-kind.ts';
import { call, resolveArguments, textOf } from './work.ts';

/**
 * Deletes what earlier steps wrote to S3: everything below the output of a training job, or the objects that are named, which must lie in
 * an output of their step. Sources that did not run here, or whose result is another execution's, are passed over. Deleting twice deletes once.
 */
export const cleanupStep: StepKind = {
  calls: [
    's3:ListObjectsV2',
    's3:DeleteObject',
    'sagemaker:DescribeTrainingJob',
    'sagemaker:DescribeProcessingJob',
    'sagemaker:DescribeTransformJob',
  ],
  async start(work) {
    const { Resources } = await resolveArguments(work, undefined);
    const sources = isJsonObject(Resources) && Array.isArray(Resources['S3']) ? Resources['S3'] : [];
    const CleanedSteps: string[] = [];
    const SkippedSteps: string[] = [];
    const FailedSteps: CleanupFailure[] = [];
    for (const source of sources.filter(isJsonObject)) {
      const StepName = textOf(source, 'StepName') ?? '';
      try {
        const cleaned = await clean(work, StepName, source['S3Uris']);
        (cleaned ? CleanedSteps : SkippedSteps).push(StepName);
      } catch (error) {
        if (!(error instanceof ServiceError) || isPassing(error)) throw error;
        FailedSteps.push({ StepName, ErrorCode: 'ClientError', ErrorMessage: error.message });
      }
    }
    const metadata = { Cleanup: { CleanedSteps, FailedSteps, SkippedSteps } };
    if (FailedSteps.length === 0) return { kind: 'succeeded', step: work.index, document: {}, metadata };
    const why = FailedSteps.map(
      ({ StepName, ErrorMessage }) => `The output of step '${StepName}' was not deleted: ${ErrorMessage}`,
    );
    return { kind: 'failed', step: work.index, reason: `ClientError: ${why.join(' ')}`, metadata };
  },
  stop: async (work) => ({ kind: 'stopped', step: work.index, reason: 'The execution was stopped.' }),
};

/** False when there is nothing of this execution's to delete. */
async function clean(work: Work, stepName: string, uris: Json | undefined): Promise<boolean> {
  const source = await sourceOf(work, stepName);
  if (!source?.jobName || source.takenFrom) return false;
  const outputs = await outputsOf(work, source);
  if (outputs.length === 0) return false;
  if (!Array.isArray(uris)) {
    for (const output of outputs) await deleteBelow(work, output);
    return true;
  }
  const strangers = uris.filter((uri) => !outputs.some((output) => isBelow(String(uri), output)));
  if (strangers.length > 0) {
    const text = `${strangers.join(', ')} does not lie in an output of step '${stepName}' (${outputs.join(', ')})`;
    throw new ServiceError('ValidationException', `${text}. Name objects that the step wrote.`);
  }
  for (const uri of uris) {
    const location = parseS3Uri(String(uri));
    if (location) await call(work, 's3:DeleteObject', { Bucket: location.bucket, Key: location.key });
  }
  return true;
}

/** The step as it ended in this execution; in a ForEach step, that of the same item. */
async function sourceOf({ ports, run, step }: Work, stepName: string): Promise<StepDocument | undefined> {
  const sibling = step.iteration && childName(stepName, step.iteration.number);
  const name = sibling !== undefined && run.progress.graph.indexOf.has(sibling) ? sibling : stepName;
  return (await readRow<StepDocument>(ports.store, stepKey(run.key, name)))?.document;
}

async function outputsOf(work: Work, { type, jobName }: StepDocument): Promise<string[]> {
  if (type === 'Training') {
    const { OutputDataConfig } = await call(work, 'sagemaker:DescribeTrainingJob', { TrainingJobName: jobName });
    const path = isJsonObject(OutputDataConfig) ? textOf(OutputDataConfig, 'S3OutputPath') : undefined;
    return path === undefined ? [] : [`${path.replace(/\/+$/, '')}/${jobName}/`];
  }
  if (type === 'Transform') {
    const { TransformOutput } = await call(work, 'sagemaker:DescribeTransformJob', { TransformJobName: jobName });
    const path = isJsonObject(TransformOutput) ? textOf(TransformOutput, 'S3OutputPath') : undefined;
    return path === undefined ? [] : [path];
  }
  const { ProcessingOutputConfig } = await call(work, 'sagemaker:DescribeProcessingJob', { ProcessingJobName: jobName });
  const outputs = isJsonObject(ProcessingOutputConfig) ? ProcessingOutputConfig['Outputs'] : undefined;
  return (Array.isArray(outputs) ? outputs : []).flatMap((output) => {
    const s3 = isJsonObject(output) ? (output['S3Output'] as JsonObject | undefined) : undefined;
    const uri = textOf(s3, 'S3Uri');
    return uri === undefined ? [] : [uri];
  });
}

const isBelow = (uri: string, output: string): boolean => uri === output || uri.startsWith(`${output.replace(/\/+$/, '')}/`);

async function deleteBelow(work: Work, prefix: string): Promise<void> {
  const location = parseS3Uri(prefix);
  if (!location) return;
  let ContinuationToken: string | undefined;
  do {
    const page = await call(work, 's3:ListObjectsV2', {
      Bucket: location.bucket,
      Prefix: location.key,
      ...(ContinuationToken !== undefined && { ContinuationToken }),
    });
    for (const object of Array.isArray(page['Contents']) ? page['Contents'] : []) {
      const Key = isJsonObject(object) ? textOf(object, 'Key') : undefined;
      if (Key !== undefined) await call(work, 's3:DeleteObject', { Bucket: location.bucket, Key });
    }
    ContinuationToken = textOf(page, 'NextContinuationToken');
  } while (ContinuationToken !== undefined);
}
