import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { InputOf, OperationName, OutputOf } from '../../src/contract/operations.ts';
import { type SigningCredentials, signRequest } from '../../src/gateway/signature/sign.ts';
import type { TestServer } from './server.ts';

/** A refusal in AWS's form: what the server answered instead of a result. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'Refused';
    this.status = status;
    this.code = code;
  }
}

/** No answer: the connection was refused, or broke before the answer was whole. Whether the call took effect is not known. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface AwsOptions {
  readonly url: string;
  readonly runtimeUrl: string;
  readonly credentials: SigningCredentials;
  readonly region: string;
}

type JsonOperation = Extract<
  OperationName,
  | `sagemaker:${string}`
  | `logs:${string}`
  | `ecr:${string}`
  | `codecommit:${string}`
  | `codebuild:${string}`
  | `codepipeline:${string}`
  | `secretsmanager:${string}`
>;
/** The tokens that SDKs fill in may be left out. */
type JsonInput<N extends JsonOperation> = Omit<InputOf<N>, 'ClientRequestToken'> & { readonly ClientRequestToken?: string };
const TARGETS: Readonly<Record<string, string>> = {
  sagemaker: 'SageMaker',
  logs: 'Logs_20140328',
  ecr: 'AmazonEC2ContainerRegistry_V20150921',
  codecommit: 'CodeCommit_20150413',
  codebuild: 'CodeBuild_20161006',
  codepipeline: 'CodePipeline_20150709',
  secretsmanager: 'secretsmanager',
};

export const optionsOf = (server: TestServer): AwsOptions => ({
  url: server.url,
  runtimeUrl: server.runtimeUrl,
  region: server.env['AWS_REGION'] ?? 'us-east-1',
  credentials: {
    accessKeyId: server.env['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: server.env['AWS_SECRET_ACCESS_KEY'] ?? '',
  },
});

/** A client of its own of the AWS API, so that a test sees every answer as it is: nothing is retried, nothing is hidden. */
export class AwsClient {
  readonly options: AwsOptions;
  readonly #agent = new Agent({ keepAlive: false }); // an idle connection to a killed server would look like a lost answer

  constructor(options: AwsOptions) {
    this.options = options;
  }

  /** Throws Refused or Unanswered. */
  async call<N extends JsonOperation>(name: N, input: JsonInput<N>): Promise<OutputOf<N>> {
    const [service = '', operation = ''] = name.split(':');
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `${TARGETS[service]}.${operation}` };
    const answer = await this.send({ method: 'POST', path: '/', service, headers, body: JSON.stringify(input) });
    return JSON.parse(accepted(answer).body.toString('utf8') || '{}') as OutputOf<N>;
  }

  /** A query protocol call (STS, IAM); the answer's XML. */
  async query(service: 'sts' | 'iam' | 'sns', parameters: Readonly<Record<string, string>>): Promise<string> {
    const version = service === 'sts' ? '2011-06-15' : '2010-05-08';
    const body = new URLSearchParams({ Version: version, ...parameters }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    return accepted(await this.send({ method: 'POST', path: '/', service, headers, body })).body.toString('utf8');
  }

  /** S3 by path: `/bucket/key?query`. */
  async s3(method: string, path: string, body: string | Uint8Array = '', headers = {}): Promise<WireAnswer> {
    return accepted(await this.send({ method, path, service: 's3', body, headers }));
  }

  async put(bucket: string, key: string, body: string | Uint8Array): Promise<void> {
    await this.s3('PUT', `/${bucket}/${key}`, body);
  }

  async get(bucket: string, key: string): Promise<Buffer> {
    return (await this.s3('GET', `/${bucket}/${key}`)).body;
  }

  /** Every object of a bucket: key to size and ETag. */
  async objects(bucket: string, prefix = ''): Promise<Map<string, { sizeBytes: number; etag: string }>> {
    const found = new Map<string, { sizeBytes: number; etag: string }>();
    let token = '';
    do {
      const query = `list-type=2&prefix=${encodeURIComponent(prefix)}${token && `&continuation-token=${encodeURIComponent(token)}`}`;
      const text = (await this.s3('GET', `/${bucket}?${query}`)).body.toString('utf8');
      for (const [, entry = ''] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const key = decodeXml(/<Key>(.*?)<\/Key>/s.exec(entry)?.[1] ?? '');
        const etag = decodeXml(/<ETag>(.*?)<\/ETag>/.exec(entry)?.[1] ?? '');
        found.set(key, { sizeBytes: Number(/<Size>(\d+)<\/Size>/.exec(entry)?.[1]), etag });
      }
      token = decodeXml(/<NextContinuationToken>(.*?)<\/NextContinuationToken>/.exec(text)?.[1] ?? '');
    } while (token !== '');
    return found;
  }

  /** InvokeEndpoint on the runtime port, or by `through: 'main'` on the main port. */
  async invoke(endpoint: string, body: string, through: 'runtime' | 'main' = 'runtime'): Promise<string> {
    const path = `/endpoints/${endpoint}/invocations`;
    const origin = through === 'runtime' ? this.options.runtimeUrl : this.options.url;
    const headers = { 'content-type': 'text/csv' };
    const answer = await this.send({ method: 'POST', path, service: 'sagemaker', headers, body, origin });
    return accepted(answer).body.toString('utf8');
  }

  /** One signed request and whatever is answered. Throws Unanswered. */
  send(asked: Asked): Promise<WireAnswer> {
    const url = new URL((asked.origin ?? this.options.url) + asked.path);
    const body = Buffer.from(asked.body ?? '');
    const signed = signRequest({
      method: asked.method,
      url,
      headers: asked.headers ?? {},
      body,
      region: this.options.region,
      service: asked.service,
      credentials: this.options.credentials,
      nowMs: asked.nowMs ?? Date.now(),
    });
    return exchange(url, asked.method, { ...signed, 'content-length': String(body.length) }, body, this.#agent);
  }
}

export interface Asked {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly path: string;
  readonly service: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly origin?: string;
  readonly nowMs?: number;
}

/** One HTTP exchange with exactly these headers. Throws Unanswered when the answer is not whole. */
export function exchange(
  url: URL,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  agent?: Agent,
): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new Unanswered(error.message));
    const request = httpRequest(url, { method, headers, agent: agent ?? false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', fail);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
      );
    });
    request.on('error', fail);
    request.end(body);
  });
}

/** Throws Refused for whatever is no success. */
export function accepted(answer: WireAnswer): WireAnswer {
  if (answer.status >= 200 && answer.status < 300) return answer;
  const text = answer.body.toString('utf8');
  const type =
    answer.headers['x-amzn-errortype'] ?? /"__type"\s*:\s*"([^"]*)"/.exec(text)?.[1] ?? /<Code>(.*?)<\/Code>/.exec(text)?.[1];
  const message =
    /"[mM]essage"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? decodeXml(/<Message>(.*?)<\/Message>/s.exec(text)?.[1] ?? text);
  throw new Refused(answer.status, String(type ?? `HTTP ${answer.status}`).replace(/^.*#|:.*$/g, ''), message);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&#34;': '"',
  '&#39;': "'",
};
const decodeXml = (text: string): string =>
  text.replace(/&(?:amp|lt|gt|quot|apos|#34|#39);/g, (entity) => ENTITIES[entity] ?? entity);
