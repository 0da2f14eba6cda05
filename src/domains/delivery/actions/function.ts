import type { AWSSessionCredentials, JobData } from '../../../contract/generated/codepipeline.ts';
import type { InputOf, OutputOf } from '../../../contract/operations.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { INVOCATION_ENDED, type WithRequestId } from '../../../platform/ports/invocation.ts';
import { jobDataOf, jobIdOf, keptJob, shownJobId } from '../jobs.ts';
import { type ActionKind, failed, type Seen, type Work } from './action-kind.ts';

const CREDENTIALS_SECONDS = 3600;
const MESSAGE_CHARS_MAX = 500;

/**
 * Has a function run, which answers with PutJobSuccessResult or PutJobFailureResult, then or later. The request id is the job's: a job is
 * given to the function once. A function that breaks off will not answer, so the action has failed.
 */
export const lambdaInvoke: ActionKind = {
  calls: ['lambda:Invoke'],
  async start(work) {
    const data: JobData = { ...jobDataOf(work.execution, work.structure, work.action), artifactCredentials: credentialsOf(work) };
    const event = {
      'CodePipeline.job': { id: jobId(work), accountId: work.key.account, data },
    };
    const answer = await invoke(work, { InvocationType: 'RequestResponse', Payload: Buffer.from(JSON.stringify(event)) });
    return (
      observe(work, answer) ?? { seen: 'begun', call: callOf(work), changes: { externalExecutionId: shownJobId(jobId(work)) } }
    );
  },
  async look(work) {
    try {
      return observe(work, await invoke(work, { Begin: false }));
    } catch (error) {
      // an invocation is forgotten some time after its end; the answer may still come
      if (error instanceof ServiceError && error.finding === 'absent') return undefined;
      throw error;
    }
  },
  end: {
    detailType: INVOCATION_ENDED,
    ids: ({ detail }) => (typeof detail['requestId'] === 'string' ? [shownJobId(detail['requestId'])] : []),
  },
};

const callOf = ({ action }: Work): number => keptJob(action).serial;
const jobId = (work: Work): string => jobIdOf(work.ports.sealingKey, work.action, callOf(work));

type Invocation = Omit<InputOf<'lambda:Invoke'>, 'FunctionName'> & WithRequestId;

function invoke(work: Work, input: Invocation): Promise<OutputOf<'lambda:Invoke'>> {
  const { ports, principal, origin, configuration } = work;
  const asked: Invocation & { FunctionName: string } = {
    ...input,
    FunctionName: configuration['FunctionName'] ?? '',
    RequestId: jobId(work),
  };
  return ports.calls.call(principal, origin, 'lambda:Invoke', asked);
}

function observe(work: Work, { FunctionError, Payload }: OutputOf<'lambda:Invoke'>): Seen | undefined {
  if (FunctionError === undefined) return undefined;
  const text =
    Payload === undefined
      ? ''
      : Buffer.from(Payload as Uint8Array)
          .toString('utf8')
          .slice(0, MESSAGE_CHARS_MAX);
  const seen = failed(
    'JobFailed',
    `The AWS Lambda function ${work.configuration['FunctionName']} failed to return a result. Check the function to verify that it ` +
      `calls PutJobSuccessResult and may do so. The function failed (${FunctionError}): ${text}`,
  );
  return { ...seen, call: callOf(work) };
}

/** Of the action's role, for the objects of the artifact bucket alone. */
function credentialsOf({ ports, principal, action, structure }: Work): AWSSessionCredentials {
  const buckets = new Set([...(action.inputs ?? []), ...(action.outputs ?? [])].map(({ bucket }) => bucket));
  const own = structure.artifactStore?.location;
  if (own !== undefined) buckets.add(own);
  const Resource = [...buckets].flatMap((bucket) => [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]);
  const sessionPolicy = {
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow' as const,
      Action: ['s3:GetObject*', 's3:PutObject*', 's3:GetBucket*', 's3:ListBucket'],
      Resource,
    },
  };
  const made = ports.roles.credentials({ ...principal, sessionPolicy }, CREDENTIALS_SECONDS);
  return { accessKeyId: made.accessKeyId, secretAccessKey: made.secretAccessKey, sessionToken: made.sessionToken };
}
