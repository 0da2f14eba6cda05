import type { AsyncInferenceConfig } from '../../contract/generated/sagemaker.ts';
import { formatS3Uri, parseS3Uri } from '../../platform/objects/s3-uri.ts';

/** Asynchronous invocations: what is accepted, where its results go, which model server is asked; pure. */

/** An accepted invocation: kept until its result or its failure is in S3. */
export interface AsyncInvocationDocument {
  readonly EndpointName: string;
  readonly EndpointArn: string;
  /** Of the endpoint that accepted it: one made anew under the name is another one. */
  readonly endpointCreatedAtMs: number;
  readonly inferenceId: string;
  readonly inputLocation: string;
  readonly outputLocation: string;
  readonly failureLocation?: string;
  /** As the container gets them; without a content type it gets that of the input object. */
  readonly headers: Readonly<Record<string, string>>;
  readonly receivedAtMs: number;
  /** Not begun by then, it has failed. */
  readonly expiresAtMs: number;
  readonly timeoutMs: number;
}

const TTL_SECONDS = { default: 21_600, min: 60, max: 21_600 };
const TIMEOUT_SECONDS = { default: 900, min: 1, max: 3_600 };
/** For configurations that leave it to SageMaker. Our own model servers predict one request at a time; others may do more. */
const CONCURRENCY_DEFAULT = 4;

export const concurrencyOf = (config: AsyncInferenceConfig): number =>
  config.ClientConfig?.MaxConcurrentInvocationsPerInstance ?? CONCURRENCY_DEFAULT;

export interface AsyncFacts {
  readonly account: string;
  readonly region: string;
  /** Names the result. */
  readonly id: string;
  readonly nowMs: number;
}

type Endpoint = Pick<AsyncInvocationDocument, 'EndpointName' | 'EndpointArn' | 'endpointCreatedAtMs'>;

/** The invocation that a request's headers ask for, or what is wrong with them. */
export function planAsync(
  headers: Readonly<Record<string, string>>,
  config: AsyncInferenceConfig,
  endpoint: Endpoint,
  facts: AsyncFacts,
): AsyncInvocationDocument | { readonly problem: string; readonly isMissing?: true } {
  const of = (name: string): string | undefined => headers[`x-amzn-sagemaker-${name}`];
  for (const name of ['s3outputpathextension', 'filename']) {
    if (of(name) !== undefined)
      return { problem: `The header X-Amzn-SageMaker-${name} of InvokeEndpointAsync is not implemented yet.`, isMissing: true };
  }
  const inputLocation = of('inputlocation');
  if (inputLocation === undefined)
    return { problem: 'InputLocation is missing: it has to be the S3 URI of the request payload.' };
  if (!parseS3Uri(inputLocation)?.key) return { problem: `InputLocation "${inputLocation}" is no S3 URI of an object.` };
  const ttl = secondsOf(of('requestttlseconds'), 'RequestTTLSeconds', TTL_SECONDS);
  if (typeof ttl !== 'number') return ttl;
  const timeout = secondsOf(of('invocationtimeoutseconds'), 'InvocationTimeoutSeconds', TIMEOUT_SECONDS);
  if (typeof timeout !== 'number') return timeout;
  const { S3OutputPath, S3FailurePath } = config.OutputConfig;
  const outputs =
    S3OutputPath ?? `s3://sagemaker-${facts.region}-${facts.account}/async-endpoint-outputs/${endpoint.EndpointName}`;
  return {
    ...endpoint,
    inferenceId: of('inference-id') ?? facts.id,
    inputLocation,
    outputLocation: below(outputs, `${facts.id}.out`),
    ...(S3FailurePath !== undefined && { failureLocation: below(S3FailurePath, `${facts.id}-error.out`) }),
    headers: {
      ...headerOf('content-type', of('content-type')),
      ...headerOf('accept', of('accept')),
      ...headerOf('x-amzn-sagemaker-custom-attributes', of('custom-attributes')),
      ...headerOf('x-amzn-sagemaker-inference-id', of('inference-id')),
    },
    receivedAtMs: facts.nowMs,
    expiresAtMs: facts.nowMs + ttl * 1000,
    timeoutMs: timeout * 1000,
  };
}

const headerOf = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: value });

function below(prefix: string, name: string): string {
  const { bucket = '', key = '' } = parseS3Uri(prefix) ?? {};
  const folder = key.replace(/\/+$/, '');
  return formatS3Uri({ bucket, key: folder === '' ? name : `${folder}/${name}` });
}

function secondsOf(
  text: string | undefined,
  name: string,
  { default: otherwise, min, max }: { readonly default: number; readonly min: number; readonly max: number },
): number | { readonly problem: string } {
  if (text === undefined) return otherwise;
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return seconds >= min && seconds <= max
    ? seconds
    : { problem: `${name} "${text}" has to be a number of seconds from ${min} to ${max}.` };
}

export interface Candidate {
  readonly id: string;
  readonly weight: number;
  readonly running: number;
}

/** An instance with room, by the weight of its variant and then by load; undefined when all are full. `random` is in [0, 1). */
export function pickForAsync<C extends Candidate>(candidates: readonly C[], concurrency: number, random: number): C | undefined {
  const weighted = candidates.filter(({ weight }) => weight > 0);
  const free = (weighted.length > 0 ? weighted : candidates).filter(({ running }) => running < concurrency);
  const least = Math.min(...free.map(({ running }) => running));
  const idle = free.filter(({ running }) => running === least);
  let left = random * idle.reduce((sum, { weight }) => sum + weight, 0);
  for (const one of idle) {
    left -= one.weight;
    if (left < 0) return one;
  }
  return idle.at(-1);
}
