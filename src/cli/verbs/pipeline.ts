import { AwsError, callerIdentity, callJson, putObject } from '../client.ts';
import type { Connection } from '../connection.ts';
import { findingsOf } from '../definition-problems.ts';
import { failed } from '../exit.ts';
import { createOutput } from '../output.ts';
import { type CompileTarget, loadPipeline, type LoadedPipeline } from '../pipeline-file.ts';
import { type GlobalOptions, openSession } from '../session.ts';

export interface UpsertOptions extends GlobalOptions {
  readonly name?: string;
  readonly role?: string;
}

/** Without a server there is no account to ask; what is checked does not depend on it. */
const OFFLINE: CompileTarget = {
  region: 'us-east-1',
  bucket: 'sagemaker-us-east-1-123456789012',
  role: 'arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole',
};

/** `slipway validate FILE`: all problems at once, no server needed. Exit 1 when upsert would refuse it. */
export async function validate(file: string, options: GlobalOptions): Promise<void> {
  const output = createOutput(options.json ?? false);
  const { definition } = await loadPipeline(file, undefined, OFFLINE);
  const { problems, notExecuted } = findingsOf(definition);
  output.result({ file, valid: problems.length === 0, problems, notExecuted });
  refuse(file, [...problems, ...notExecuted]);
  output.line(`${file}: valid`);
}

function refuse(file: string, reasons: readonly string[]): void {
  if (reasons.length > 0) throw failed(reasons.map((reason) => `${file}: ${reason}`).join('\n'));
}

/** `slipway upsert FILE` */
export async function upsert(file: string, options: UpsertOptions): Promise<void> {
  const { connection, output } = await openSession(options);
  const { name, arn } = await upsertFile(connection, file, options);
  output.line(arn);
  output.result({ PipelineName: name, PipelineArn: arn });
}

/** Uploads what the pipeline needs, then creates or updates it: an execution never sees half-uploaded code. */
export async function upsertFile(
  connection: Connection,
  file: string,
  options: { name?: string; role?: string },
): Promise<{ name: string; arn: string }> {
  const { account } = await callerIdentity(connection);
  const role = options.role ?? `arn:aws:iam::${account}:role/SageMakerPipelineExecutionRole`;
  const bucket = `sagemaker-${connection.region}-${account}`;
  const loaded = await loadPipeline(file, options.name, { region: connection.region, bucket, role });
  const { problems, notExecuted } = findingsOf(loaded.definition);
  refuse(file, [...problems, ...notExecuted]);
  for (const { uri, content } of loaded.uploads) {
    const [, uploadBucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
    await putObject(connection, uploadBucket, key, content);
  }
  return { name: loaded.name, arn: await createOrUpdate(connection, loaded, role) };
}

async function createOrUpdate(connection: Connection, loaded: LoadedPipeline, role: string): Promise<string> {
  const shared = {
    PipelineName: loaded.name,
    PipelineDefinition: loaded.definition,
    PipelineDescription: loaded.description,
    RoleArn: role,
  };
  try {
    return (
      (await callJson(connection, 'sagemaker:CreatePipeline', { ...shared, ClientRequestToken: crypto.randomUUID() }))
        .PipelineArn ?? ''
    );
  } catch (error) {
    if (!(error instanceof AwsError) || !error.message.includes('already exists')) throw error;
    return (await callJson(connection, 'sagemaker:UpdatePipeline', shared)).PipelineArn ?? '';
  }
}
