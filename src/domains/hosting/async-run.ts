import type { Principal } from '../../platform/authorization/principal.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import type { BlobBody } from '../../platform/objects/port.ts';
import { parseS3Uri } from '../../platform/objects/s3-uri.ts';
import type { WorkBackend } from '../../platform/ports/work.ts';
import type { AsyncInvocationDocument } from './decide-async.ts';

/** `again`: nothing is decided, ask once more. `failed`: to be told to whoever asked. */
export type AsyncOutcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'again' | 'broken' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface AsyncRun {
  readonly calls: Calls;
  /** The model's role: it reads the input and writes the results, as on AWS. */
  readonly principal: Principal;
  readonly region: string;
  readonly backend: Pick<WorkBackend, 'ask'>;
  readonly containers: readonly { readonly name: string; readonly workId: string }[];
}

/** AWS: payloads of asynchronous invocations have at most 1 GB. */
const PAYLOAD_BYTES_MAX = 1024 ** 3;
/** What one container of a pipeline hands to the next is held in memory. */
const BETWEEN_BYTES_MAX = 100 * 1024 ** 2;
const OCTETS = 'application/octet-stream';
const ERROR_TEXT_LENGTH_MAX = 16 * 1024;

interface Payload {
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
}

/**
 * Input from S3, through the containers, the answer to S3. Repeatable: the same invocation writes the same object. `signal`: its time is over.
 */
export async function runAsync(run: AsyncRun, invocation: AsyncInvocationDocument, signal: AbortSignal): Promise<AsyncOutcome> {
  let payload: Payload | AsyncOutcome = await readInput(run, invocation);
  if ('kind' in payload) return payload;
  const { accept, ...between } = invocation.headers;
  let headers: Record<string, string> = { 'content-type': payload.contentType, ...between };
  for (const [place, { name, workId }] of run.containers.entries()) {
    const isLast = place === run.containers.length - 1;
    if (isLast && accept !== undefined) headers = { ...headers, accept };
    const { body: parts, sizeBytes } = payload;
    const answer = await run.backend.ask(workId, {
      method: 'POST',
      path: '/invocations',
      headers,
      body: { parts, sizeBytes },
      signal,
    });
    if (answer.kind !== 'answered') {
      if (answer.kind === 'late') return { kind: 'failed', reason: timedOut(name, invocation) };
      return { kind: answer.kind === 'refused' ? 'again' : 'broken' };
    }
    const contentType = answer.headers['content-type'] as string | undefined;
    try {
      if (answer.status < 200 || answer.status >= 300) return await refusedBy(name, answer.status, answer.body);
      if (isLast) return await writeOutput(run, invocation, answer.body, contentType);
      const whole = await readWhole(answer.body);
      if (!whole)
        return { kind: 'failed', reason: `Container ${name} answered with more than ${BETWEEN_BYTES_MAX} bytes for the next.` };
      const { 'content-type': _type, ...kept } = headers;
      headers = { ...kept, ...(contentType !== undefined && { 'content-type': contentType }) };
      payload = { contentType: contentType ?? OCTETS, body: once(whole), sizeBytes: whole.length };
    } catch (error) {
      if (signal.aborted) return { kind: 'failed', reason: timedOut(name, invocation) };
      if (error instanceof ServiceError || error instanceof BackendError) throw error;
      return { kind: 'broken' }; // the answer broke off
    }
  }
  return { kind: 'again' };
}

const timedOut = (container: string, { timeoutMs }: AsyncInvocationDocument): string =>
  `Container ${container} did not end its answer within ${timeoutMs / 1000} seconds (InvocationTimeoutSeconds).`;

async function readInput(
  { calls, principal, region }: AsyncRun,
  { inputLocation }: AsyncInvocationDocument,
): Promise<Payload | AsyncOutcome> {
  const { bucket = '', key = '' } = parseS3Uri(inputLocation) ?? {};
  try {
    const {
      Body,
      ContentLength = 0,
      ContentType: contentType = OCTETS,
    } = await calls.call(principal, { region }, 's3:GetObject', { Bucket: bucket, Key: key });
    const sizeBytes = (Body as BlobBody | undefined)?.blob?.sizeBytes ?? ContentLength;
    if (sizeBytes > PAYLOAD_BYTES_MAX)
      return {
        kind: 'failed',
        reason: `The input ${inputLocation} has ${sizeBytes} bytes; at most ${PAYLOAD_BYTES_MAX} are accepted.`,
      };
    return { contentType, body: Body ?? once(Buffer.alloc(0)), sizeBytes };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throwPassing(error);
    return { kind: 'failed', reason: `The input ${inputLocation} cannot be read: ${error.code}: ${error.message}` };
  }
}

async function writeOutput(
  { calls, principal, region }: AsyncRun,
  { outputLocation, inferenceId }: AsyncInvocationDocument,
  body: AsyncIterable<Uint8Array>,
  contentType: string | undefined,
): Promise<AsyncOutcome> {
  const { bucket = '', key = '' } = parseS3Uri(outputLocation) ?? {};
  try {
    await calls.call(principal, { region }, 's3:PutObject', {
      Bucket: bucket,
      Key: key,
      Body: body,
      ...(contentType !== undefined && { ContentType: contentType }),
      Metadata: { inferenceid: inferenceId },
    });
    return { kind: 'succeeded' };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throwPassing(error);
    return { kind: 'failed', reason: `The output ${outputLocation} cannot be written: ${error.code}: ${error.message}` };
  }
}

/** Tells the failure where the endpoint's configuration says; what S3 refuses here is said in the log only. */
export async function writeFailure(
  { calls, principal, region }: AsyncRun,
  { failureLocation, inferenceId, inputLocation }: AsyncInvocationDocument,
  reason: string,
): Promise<void> {
  if (failureLocation === undefined) return;
  const { bucket = '', key = '' } = parseS3Uri(failureLocation) ?? {};
  await calls.call(principal, { region }, 's3:PutObject', {
    Bucket: bucket,
    Key: key,
    Body: once(Buffer.from(`${reason}\n`)),
    ContentType: 'text/plain; charset=utf-8',
    Metadata: { inferenceid: inferenceId, inputlocation: inputLocation },
  });
}

async function refusedBy(container: string, status: number, body: AsyncIterable<Uint8Array>): Promise<AsyncOutcome> {
  const side = status >= 400 && status < 500 ? 'client' : 'server';
  let text = '';
  for await (const part of body) if (text.length < ERROR_TEXT_LENGTH_MAX) text += Buffer.from(part).toString();
  return {
    kind: 'failed',
    reason: `Received ${side} error (${status}) from ${container} with message "${text.slice(0, ERROR_TEXT_LENGTH_MAX)}"`,
  };
}

async function readWhole(body: AsyncIterable<Uint8Array>): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of body) {
    sizeBytes += part.length;
    if (sizeBytes > BETWEEN_BYTES_MAX) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
