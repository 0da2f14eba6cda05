import type { IncomingMessage } from 'node:http';
import type { InputOf, OperationName, OutputOf } from '../contract/operations.ts';
import { signRequest } from '../gateway/signature/sign.ts';
import type { JsonObject } from '../platform/json.ts';
import { request } from '../platform/node-http.ts';
import type { Connection } from './connection.ts';
import { failed } from './exit.ts';

/** What AWS answered instead of a result. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number) {
    super(message);
    this.name = 'AwsError';
    this.code = code;
    this.status = status;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

type JsonService = 'sagemaker' | 'logs' | 'ecr' | 'codecommit' | 'codebuild' | 'codepipeline' | 'events';
const TARGETS: Record<JsonService, string> = {
  sagemaker: 'SageMaker',
  logs: 'Logs_20140328',
  ecr: 'AmazonEC2ContainerRegistry_V20150921',
  codecommit: 'CodeCommit_20150413',
  codebuild: 'CodeBuild_20161006',
  codepipeline: 'CodePipeline_20150709',
  events: 'AWSEvents',
};

/**
 * Calls a JSON operation of the server as the data folder's user. Timestamps in the answer are AWS's wire form: epoch
 * seconds.
 */
export async function callJson<N extends Extract<OperationName, `${JsonService}:${string}`>>(
  connection: Connection,
  name: N,
  input: InputOf<N>,
): Promise<OutputOf<N>> {
  const [service = '', operation = ''] = name.split(':');
  const answer = await send(connection, connection.url, {
    method: 'POST',
    path: '/',
    service,
    body: Buffer.from(JSON.stringify(input)),
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `${TARGETS[service as JsonService]}.${operation}`,
    },
  });
  const text = answer.body.toString('utf8');
  if (answer.status !== 200) throw awsErrorOf(answer, text);
  return JSON.parse(text || '{}') as OutputOf<N>;
}

function awsErrorOf(answer: Answer, text: string): AwsError {
  try {
    const error = JSON.parse(text) as { __type?: string; code?: string; message?: string; Message?: string };
    const code = String(answer.headers['x-amzn-errortype'] ?? error.__type ?? error.code ?? answer.status).replace(/^.*#/, '');
    return new AwsError(code.replace(/:.*$/, ''), error.message ?? error.Message ?? text, answer.status);
  } catch {
    const code = /<Code>(.*?)<\/Code>/.exec(text)?.[1] ?? `HTTP ${answer.status}`;
    return new AwsError(code, /<Message>(.*?)<\/Message>/.exec(text)?.[1] ?? text.slice(0, 300), answer.status);
  }
}

/** Uploads one object. */
export async function putObject(connection: Connection, bucket: string, key: string, body: Buffer): Promise<void> {
  const path = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  const answer = await send(connection, connection.url, { method: 'PUT', path, service: 's3', body, headers: {} });
  if (answer.status !== 200) throw awsErrorOf(answer, answer.body.toString('utf8'));
}

/** Reads one object. */
export async function getObject(connection: Connection, bucket: string, key: string): Promise<Buffer> {
  const path = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  const answer = await send(connection, connection.url, {
    method: 'GET',
    path,
    service: 's3',
    body: Buffer.alloc(0),
    headers: {},
  });
  if (answer.status !== 200) throw awsErrorOf(answer, answer.body.toString('utf8'));
  return answer.body;
}

/** Removes one object; none is no error. */
export async function deleteObject(connection: Connection, bucket: string, key: string): Promise<void> {
  const path = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  const outgoing = { method: 'DELETE', path, service: 's3', body: Buffer.alloc(0), headers: {} };
  const answer = await send(connection, connection.url, outgoing);
  if (answer.status !== 204) throw awsErrorOf(answer, answer.body.toString('utf8'));
}

/** The objects whose keys begin with `prefix`, in the order of keys; all of them, unless `limit` says how many are enough. */
export async function listObjects(
  connection: Connection,
  bucket: string,
  prefix: string,
  limit = Number.POSITIVE_INFINITY,
): Promise<{ Key: string; ETag: string; Size: number }[]> {
  const { XMLParser } = await import('fast-xml-parser');
  const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Contents' });
  const found: { Key: string; ETag: string; Size: number }[] = [];
  let token = '';
  do {
    const query = new URLSearchParams({
      'list-type': '2',
      prefix,
      ...(limit < 1_000 && { 'max-keys': String(limit) }),
      ...(token !== '' && { 'continuation-token': token }),
    });
    const path = `/${bucket}/?${query.toString().replaceAll('+', '%20')}`;
    const outgoing = { method: 'GET', path, service: 's3', body: Buffer.alloc(0), headers: {} };
    const answer = await send(connection, connection.url, outgoing);
    if (answer.status !== 200) throw awsErrorOf(answer, answer.body.toString('utf8'));
    const { ListBucketResult: page } = parser.parse(answer.body.toString('utf8')) as {
      ListBucketResult: { Contents?: Record<string, string>[]; NextContinuationToken?: string };
    };
    for (const { Key = '', ETag = '', Size = '0' } of page.Contents ?? []) found.push({ Key, ETag, Size: Number(Size) });
    token = page.NextContinuationToken ?? '';
  } while (token !== '' && found.length < limit);
  return found;
}

/** InvokeEndpoint through the runtime port. */
export async function invokeEndpoint(
  connection: Connection,
  endpoint: string,
  options: {
    readonly body: Buffer;
    readonly contentType: string;
    readonly accept?: string;
    readonly variant?: string;
  },
): Promise<Answer> {
  const headers: Record<string, string> = { 'content-type': options.contentType };
  if (options.accept) headers.accept = options.accept;
  if (options.variant) headers['x-amzn-sagemaker-target-variant'] = options.variant;
  const path = `/endpoints/${encodeURIComponent(endpoint)}/invocations`;
  const answer = await send(connection, connection.runtimeUrl, {
    method: 'POST',
    path,
    service: 'sagemaker',
    body: options.body,
    headers,
  });
  if (answer.status !== 200) throw awsErrorOf(answer, answer.body.toString('utf8'));
  return answer;
}

interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly service: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function send(connection: Connection, origin: string, outgoing: Outgoing): Promise<Answer> {
  const url = new URL(origin + outgoing.path);
  const headers = signRequest({
    method: outgoing.method,
    url,
    headers: { host: url.host, ...outgoing.headers },
    body: outgoing.body,
    service: outgoing.service,
    region: connection.region,
    credentials: { accessKeyId: connection.accessKeyId, secretAccessKey: connection.secretAccessKey },
    nowMs: Date.now(),
  });
  headers['content-length'] = String(outgoing.body.length);
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: outgoing.method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts),
        }),
      );
    });
    sent.on('error', (error) => reject(failed(`slipway: the server at ${origin} did not answer: ${error.message}`)));
    sent.end(outgoing.body);
  });
}

/** GetCallerIdentity: the account and ARN the CLI acts as. */
export async function callerIdentity(connection: Connection): Promise<{ account: string; arn: string }> {
  const text = await callQuery(connection, 'sts', { Action: 'GetCallerIdentity' });
  return { account: elementOf(text, 'Account'), arn: elementOf(text, 'Arn') };
}

/** AssumeRole: keys that act as the role until `expiration` (ISO 8601). */
export async function assumeRole(
  connection: Connection,
  roleArn: string,
  sessionName: string,
): Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken: string; expiration: string }> {
  const text = await callQuery(connection, 'sts', { Action: 'AssumeRole', RoleArn: roleArn, RoleSessionName: sessionName });
  return {
    accessKeyId: elementOf(text, 'AccessKeyId'),
    secretAccessKey: elementOf(text, 'SecretAccessKey'),
    sessionToken: elementOf(text, 'SessionToken'),
    expiration: elementOf(text, 'Expiration'),
  };
}

export const elementOf = (xml: string, name: string): string => new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(xml)?.[1] ?? '';

const QUERY_VERSIONS = { sts: '2011-06-15', iam: '2010-05-08', sns: '2010-03-31' };

/** Calls an operation of a service that takes forms and answers XML; gives the XML. */
export async function callQuery(
  connection: Connection,
  service: keyof typeof QUERY_VERSIONS,
  parameters: Readonly<Record<string, string>>,
): Promise<string> {
  const answer = await send(connection, connection.url, {
    method: 'POST',
    path: '/',
    service,
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: Buffer.from(new URLSearchParams({ ...parameters, Version: QUERY_VERSIONS[service] }).toString()),
  });
  const text = answer.body.toString('utf8');
  if (answer.status !== 200) throw awsErrorOf(answer, text);
  return text;
}

/** Calls EventBridge Scheduler, whose operations are paths. */
export async function callScheduler(
  connection: Connection,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  input?: JsonObject,
): Promise<JsonObject> {
  const body = Buffer.from(input === undefined ? '' : JSON.stringify(input));
  const headers = { 'content-type': 'application/json' };
  const answer = await send(connection, connection.url, { method, path, service: 'scheduler', headers, body });
  const text = answer.body.toString('utf8');
  if (answer.status !== 200) throw awsErrorOf(answer, text);
  return JSON.parse(text || '{}') as JsonObject;
}

/** The role that first start makes; programs that name none act by it. */
export async function defaultRoleArn(connection: Connection): Promise<string> {
  const { account } = await callerIdentity(connection);
  return `arn:aws:iam::${account}:role/SageMakerPipelineExecutionRole`;
}
