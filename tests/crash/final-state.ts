import type { AwsClient } from '../harness/aws-client.ts';
import { Refused } from '../harness/aws-client.ts';
import type { Fact } from './outside-client.ts';
import { ENDPOINT } from './play.ts';
import { BUCKET, CLIENT_GROUP, PIPELINE, PIPELINE_GROUP, sha256 } from './workload.ts';

/** What a workload has come to, without what differs from run to run by right: ids, times and the order of parallel work. */
export interface FinalState {
  readonly executions: Record<string, object>;
  readonly jobs: Record<string, JobState>;
  /** By group, in an order that does not depend on the numbers given out. */
  readonly versions: Record<string, object[]>;
  /** Key to size and ETag; start markers are counted with the jobs. */
  readonly objects: Record<string, string>;
  readonly endpoint: object;
}

export interface JobState {
  readonly status: string;
  readonly reason: string;
  /** Objects that processes of the job wrote at their start. */
  readonly starts: number;
  /** Lines of its log that say that a process started. */
  readonly startLines: number;
  /** Jobs of this round and step. */
  readonly count: number;
}

export async function readFinalState(aws: AwsClient): Promise<FinalState> {
  const names = new Map<string, string>();
  const executions = await readExecutions(aws, names);
  const { keys, jobs } = await readJobs(aws, names);
  const objects: Record<string, string> = {};
  for (const [key, { sizeBytes, etag }] of keys) {
    if (!key.startsWith('starts/')) objects[renamed(key, names)] = `${sizeBytes} ${etag}`;
  }
  const endpoint = await aws.call('sagemaker:DescribeEndpoint', { EndpointName: ENDPOINT });
  return {
    executions: sorted(executions),
    jobs: sorted(jobs),
    versions: {
      [PIPELINE_GROUP]: await readVersions(aws, PIPELINE_GROUP, names),
      [CLIENT_GROUP]: await readVersions(aws, CLIENT_GROUP, names),
    },
    objects: sorted(objects),
    endpoint: { status: endpoint.EndpointStatus, config: endpoint.EndpointConfigName, reason: endpoint.FailureReason },
  };
}

/** `names` learns which execution id and which job name belongs to which round. */
async function readExecutions(aws: AwsClient, names: Map<string, string>): Promise<Record<string, object>> {
  const found: Record<string, object> = {};
  const arns = await pages(
    async (NextToken) => aws.call('sagemaker:ListPipelineExecutions', { PipelineName: PIPELINE, MaxResults: 100, NextToken }),
    ({ PipelineExecutionSummaries = [] }) =>
      PipelineExecutionSummaries.map(({ PipelineExecutionArn = '' }) => PipelineExecutionArn),
  );
  for (const arn of arns) {
    const execution = await aws.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn: arn });
    const { PipelineParameters = [] } = await aws.call('sagemaker:ListPipelineParametersForExecution', {
      PipelineExecutionArn: arn,
    });
    const label = PipelineParameters.find(({ Name }) => Name === 'Label')?.Value ?? arn;
    names.set(arn.split('/').at(-1) ?? '', `EXECUTION-${label}`);
    const { PipelineExecutionSteps = [] } = await aws.call('sagemaker:ListPipelineExecutionSteps', { PipelineExecutionArn: arn });
    const steps: Record<string, object> = {};
    for (const step of PipelineExecutionSteps) {
      const { ProcessingJob, TrainingJob, Condition } = step.Metadata ?? {};
      const job = (ProcessingJob?.Arn ?? TrainingJob?.Arn)?.split('/').at(-1);
      if (job !== undefined) names.set(job, `JOB-${label}-${step.StepName}`);
      steps[step.StepName ?? ''] = {
        status: step.StepStatus,
        reason: renamed(step.FailureReason ?? '', names),
        outcome: Condition?.Outcome,
        attempts: step.AttemptCount,
        ended: step.EndTime !== undefined,
      };
    }
    if (found[label]) throw new Error(`Two executions of round ${label}.`);
    found[label] = {
      status: execution.PipelineExecutionStatus,
      reason: renamed(execution.FailureReason ?? '', names),
      steps: sorted(steps),
    };
  }
  return found;
}

async function readJobs(aws: AwsClient, names: Map<string, string>) {
  const keys = await aws.objects(BUCKET);
  const jobs: Record<string, JobState> = {};
  const add = async (
    kind: 'ProcessingJobs' | 'TrainingJobs',
    name: string,
    args: readonly string[],
    status?: string,
    reason?: string,
  ) => {
    const [label = '', step = ''] = args;
    const place = `${label}/${step}`;
    const starts = [...keys.keys()].filter((key) => key.startsWith(`starts/${place}/`)).length;
    const log = await readLog(aws, `/aws/sagemaker/${kind}`, name);
    jobs[place] = {
      status: status ?? '',
      reason: renamed(reason ?? '', names),
      starts,
      startLines: log.filter((line) => line.startsWith('started ')).length,
      count: (jobs[place]?.count ?? 0) + 1,
    };
  };
  const processing = await pages(
    (NextToken) => aws.call('sagemaker:ListProcessingJobs', { MaxResults: 100, NextToken }),
    ({ ProcessingJobSummaries = [] }) => ProcessingJobSummaries.map(({ ProcessingJobName = '' }) => ProcessingJobName),
  );
  for (const name of processing) {
    const job = await aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: name });
    await add('ProcessingJobs', name, job.AppSpecification?.ContainerArguments ?? [], job.ProcessingJobStatus, job.FailureReason);
  }
  const training = await pages(
    (NextToken) => aws.call('sagemaker:ListTrainingJobs', { MaxResults: 100, NextToken }),
    ({ TrainingJobSummaries = [] }) => TrainingJobSummaries.map(({ TrainingJobName = '' }) => TrainingJobName),
  );
  for (const name of training) {
    const job = await aws.call('sagemaker:DescribeTrainingJob', { TrainingJobName: name });
    await add(
      'TrainingJobs',
      name,
      job.AlgorithmSpecification?.ContainerArguments ?? [],
      job.TrainingJobStatus,
      job.FailureReason,
    );
  }
  return { keys, jobs };
}

async function readLog(aws: AwsClient, group: string, job: string): Promise<string[]> {
  const { logStreams = [] } = await aws.call('logs:DescribeLogStreams', { logGroupName: group, logStreamNamePrefix: `${job}/` });
  const lines: string[] = [];
  for (const { logStreamName = '' } of logStreams) {
    const { events = [] } = await aws.call('logs:GetLogEvents', { logGroupName: group, logStreamName, startFromHead: true });
    lines.push(...events.map(({ message = '' }) => message));
  }
  return lines;
}

/** Numbers are given out without gaps; which round gets which is a matter of the moment. */
async function readVersions(aws: AwsClient, group: string, names: Map<string, string>): Promise<object[]> {
  const arns = await pages(
    (NextToken) => aws.call('sagemaker:ListModelPackages', { ModelPackageGroupName: group, MaxResults: 100, NextToken }),
    ({ ModelPackageSummaryList = [] }) => ModelPackageSummaryList.map(({ ModelPackageArn = '' }) => ModelPackageArn),
  );
  const numbers = arns.map((arn) => Number(arn.split('/').at(-1))).sort((a, b) => a - b);
  if (numbers.some((number, position) => number !== position + 1))
    throw new Error(`${group} has versions ${numbers.join(', ')}.`);
  const versions: { round: string; [member: string]: unknown }[] = [];
  for (const arn of arns) {
    const version = await aws.call('sagemaker:DescribeModelPackage', { ModelPackageName: arn });
    versions.push({
      round: version.CustomerMetadataProperties?.['round'] ?? '',
      status: version.ModelPackageStatus,
      approval: version.ModelApprovalStatus,
      description: version.ApprovalDescription,
      model: renamed(version.InferenceSpecification?.Containers?.[0]?.ModelDataUrl ?? '', names),
    });
  }
  return versions.sort((a, b) => (a.round < b.round ? -1 : 1));
}

async function pages<P extends { NextToken?: string }, T>(
  ask: (token?: string) => Promise<P>,
  itemsOf: (page: P) => T[],
): Promise<T[]> {
  const items: T[] = [];
  let token: string | undefined;
  do {
    const page = await ask(token);
    items.push(...itemsOf(page));
    token = page.NextToken;
  } while (token !== undefined);
  return items;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

function renamed(text: string, names: ReadonlyMap<string, string>): string {
  let result = text;
  const longestFirst = [...names].sort(([a], [b]) => b.length - a.length); // a job's name holds the execution's id
  for (const [id, name] of longestFirst) result = result.replaceAll(id, name);
  return result.replace(UUID, 'UUID');
}

const sorted = <T>(record: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Acknowledged facts that the server no longer knows, each in a line. What a later call changed counts as it was last told. */
export async function missingFacts(aws: AwsClient, facts: readonly Fact[]): Promise<string[]> {
  const last = new Map<string, Fact>();
  for (const fact of facts) last.set(subjectOf(fact), fact);
  const missing: string[] = [];
  for (const fact of last.values()) {
    const problem = await problemOf(aws, fact);
    if (problem !== undefined) missing.push(`${JSON.stringify(fact)}: ${problem}`);
  }
  return missing;
}

function subjectOf(fact: Fact): string {
  if (fact.kind === 'object' || fact.kind === 'no-object') return `object ${fact.key}`;
  if (fact.kind === 'tag') return `tag ${fact.arn} ${fact.name}`;
  return `${fact.kind} ${'arn' in fact ? fact.arn : fact.name}`;
}

async function problemOf(aws: AwsClient, fact: Fact): Promise<string | undefined> {
  try {
    return await look(aws, fact);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return fact.kind === 'no-object' && error.code === 'NoSuchKey' ? undefined : `${error.code}: ${error.message}`;
  }
}

async function look(aws: AwsClient, fact: Fact): Promise<string | undefined> {
  switch (fact.kind) {
    case 'object':
      return sha256(await aws.get(BUCKET, fact.key)) === fact.sha256 ? undefined : 'other content';
    case 'no-object':
      await aws.get(BUCKET, fact.key);
      return 'still there';
    case 'execution':
      await aws.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn: fact.arn });
      return undefined;
    case 'version':
      await aws.call('sagemaker:DescribeModelPackage', { ModelPackageName: fact.arn });
      return undefined;
    case 'approval': {
      const found = await aws.call('sagemaker:DescribeModelPackage', { ModelPackageName: fact.arn });
      const same = found.ModelApprovalStatus === fact.status && found.ApprovalDescription === fact.description;
      return same ? undefined : `${found.ModelApprovalStatus}, ${found.ApprovalDescription}`;
    }
    case 'tag': {
      const tags = await pages(
        (NextToken) => aws.call('sagemaker:ListTags', { ResourceArn: fact.arn, NextToken }),
        ({ Tags = [] }) => Tags,
      );
      return tags.some(({ Key, Value }) => Key === fact.name && Value === fact.value) ? undefined : 'no such tag';
    }
    case 'job':
      await aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: fact.name });
      return undefined;
    case 'stop': {
      const { ProcessingJobStatus = '' } = await aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: fact.name });
      return ['Stopping', 'Stopped'].includes(ProcessingJobStatus) ? undefined : ProcessingJobStatus;
    }
    case 'resource':
      return lookAtResource(aws, fact.operation, fact.name);
  }
}

async function lookAtResource(
  aws: AwsClient,
  operation: Extract<Fact, { kind: 'resource' }>['operation'],
  name: string,
): Promise<undefined> {
  if (operation === 'DescribePipeline') await aws.call('sagemaker:DescribePipeline', { PipelineName: name });
  if (operation === 'DescribeModel') await aws.call('sagemaker:DescribeModel', { ModelName: name });
  if (operation === 'DescribeEndpoint') await aws.call('sagemaker:DescribeEndpoint', { EndpointName: name });
}
