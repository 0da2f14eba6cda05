import { type AwsClient, accepted } from '../harness/aws-client.ts';

/** A call of any of the services, as plain values: it can be written down and made again. */
export type Call =
  | { readonly service: JsonService; readonly operation: string; readonly input: object }
  | { readonly service: 'iam' | 'sns'; readonly operation: string; readonly input: Readonly<Record<string, string>> }
  | RestCall;

export interface RestCall {
  readonly service: 's3' | 'lambda' | 'runtime' | 'scheduler';
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type JsonService = keyof typeof TARGETS;

const TARGETS = {
  sagemaker: 'SageMaker',
  logs: 'Logs_20140328',
  ecr: 'AmazonEC2ContainerRegistry_V20150921',
  sqs: 'AmazonSQS',
  ssm: 'AmazonSSM',
  secretsmanager: 'secretsmanager',
  codecommit: 'CodeCommit_20150413',
  codebuild: 'CodeBuild_20161006',
  codepipeline: 'CodePipeline_20150709',
  events: 'AWSEvents',
} as const;

const VERSIONS = { iam: '2010-05-08', sns: '2010-03-31' } as const;

export interface Answer {
  /** Members of a JSON answer; empty for any other. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of fifty operations, looked into by tests
  readonly json: any;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export const sagemaker = (operation: string, input: object): Call => ({ service: 'sagemaker', operation, input });
export const logs = (operation: string, input: object): Call => ({ service: 'logs', operation, input });
export const ecr = (operation: string, input: object): Call => ({ service: 'ecr', operation, input });
export const sqs = (operation: string, input: object): Call => ({ service: 'sqs', operation, input });
export const ssm = (operation: string, input: object): Call => ({ service: 'ssm', operation, input });
export const secrets = (operation: string, input: object): Call => ({ service: 'secretsmanager', operation, input });
export const codecommit = (operation: string, input: object): Call => ({ service: 'codecommit', operation, input });
export const codebuild = (operation: string, input: object): Call => ({ service: 'codebuild', operation, input });
export const codepipeline = (operation: string, input: object): Call => ({ service: 'codepipeline', operation, input });
export const events = (operation: string, input: object): Call => ({ service: 'events', operation, input });
export const sns = (operation: string, input: Readonly<Record<string, string>>): Call => ({ service: 'sns', operation, input });
export const scheduler = (method: string, path: string, input?: object): RestCall => ({
  service: 'scheduler',
  method,
  path,
  ...(input && { body: JSON.stringify(input) }),
});
export const iam = (operation: string, input: Readonly<Record<string, string>>): Call => ({ service: 'iam', operation, input });
export const s3 = (method: string, path: string, body?: string, headers?: Record<string, string>): RestCall => ({
  service: 's3',
  method,
  path,
  ...(body !== undefined && { body }),
  ...(headers && { headers }),
});
/** `path` below the API's version, or with one. */
export const lambda = (method: string, path: string, input?: object, headers?: Record<string, string>): RestCall => ({
  service: 'lambda',
  method,
  path: path.startsWith('/20') ? path : `/2015-03-31${path}`,
  ...(input && { body: JSON.stringify(input) }),
  ...(headers && { headers }),
});
export const runtime = (path: string, body: string, headers: Record<string, string> = {}): RestCall => ({
  service: 'runtime',
  method: 'POST',
  path,
  body,
  headers: { 'content-type': 'text/csv', ...headers },
});

/** Makes a call once. Throws Refused or Unanswered. */
export async function perform(aws: AwsClient, call: Call): Promise<Answer> {
  const { headers, body } = accepted(await aws.send(wireOf(aws, call)));
  const text = body.toString('utf8');
  const isJson = /^\s*[{[]/.test(text) && call.service !== 's3' && call.service !== 'runtime';
  return { headers, text, json: isJson ? JSON.parse(text) : {} };
}

function wireOf({ options }: AwsClient, call: Call): Parameters<AwsClient['send']>[0] {
  switch (call.service) {
    case 's3':
    case 'lambda':
    case 'scheduler':
      return call;
    case 'runtime':
      return { ...call, service: 'sagemaker', origin: options.runtimeUrl };
    case 'iam':
    case 'sns':
      return {
        method: 'POST',
        path: '/',
        service: call.service,
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        body: new URLSearchParams({ Version: VERSIONS[call.service], Action: call.operation, ...call.input }).toString(),
      };
    default:
      return {
        method: 'POST',
        path: '/',
        service: call.service,
        headers: {
          'content-type': `application/x-amz-json-${call.service === 'sqs' ? '1.0' : '1.1'}`,
          'x-amz-target': `${TARGETS[call.service]}.${call.operation}`,
        },
        body: JSON.stringify(call.input),
      };
  }
}
