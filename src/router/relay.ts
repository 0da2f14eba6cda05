import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { answerFault, modelError } from './answer.ts';
import type { Invocation } from './invoke.ts';
import type { ModelAnswer } from './model-answer.ts';

/** As much of a failed answer as goes into the error. */
const ERROR_TEXT_BYTES_MAX = 16 * 1024;

/** Whose answer it is. */
export interface Origin {
  readonly variant: string;
  readonly container: string;
  /** Added to those of the container. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends a container's answer on: as it is when it succeeded, as a ModelError otherwise. */
export function relay(answer: ModelAnswer, origin: Origin, invocation: Invocation, response: ServerResponse): Promise<void> {
  return answer.isSuccess
    ? relaySuccess(answer, origin, invocation, response)
    : relayFailure(answer, origin, invocation, response);
}

async function relaySuccess(
  answer: ModelAnswer,
  { variant, headers: added }: Origin,
  { requestId }: Invocation,
  response: ServerResponse,
): Promise<void> {
  const headers: OutgoingHttpHeaders = { 'x-amzn-requestid': requestId, 'x-amzn-invoked-production-variant': variant, ...added };
  for (const name in answer.headers) {
    if (name === 'content-type' || name.startsWith('x-amzn-sagemaker-')) headers[name] = answer.headers[name];
  }
  const whole = answer.whole();
  if (whole) {
    if (answer.status !== 204) headers['content-length'] = whole.length;
    response.writeHead(answer.status, headers);
    response.end(whole);
    return;
  }
  if (answer.headers['content-length'] !== undefined) headers['content-length'] = answer.headers['content-length'];
  response.writeHead(answer.status, headers);
  await pour(answer, response, (part) => part);
}

/** Writes an answer's parts as they come, as fast as the client takes them. One that breaks off must not look complete. */
export async function pour(
  answer: ModelAnswer,
  response: ServerResponse,
  encode: (part: Buffer) => Buffer,
  onBroken: () => void = () => response.destroy(),
): Promise<void> {
  const leave = () => answer.destroy();
  response.once('close', leave);
  try {
    for await (const part of answer.chunks()) {
      if (!response.write(encode(part))) await drained(response);
    }
    response.end();
  } catch {
    onBroken();
  } finally {
    response.off('close', leave);
  }
}

function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = () => {
      response.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    response.on('drain', settle);
    response.on('close', settle);
  });
}

async function relayFailure(
  answer: ModelAnswer,
  { container }: Origin,
  { entry, requestId }: Invocation,
  response: ServerResponse,
): Promise<void> {
  const text = await errorText(answer);
  const { account, region, name } = entry.route;
  answerFault(response, requestId, modelError({ account, region, endpoint: name }, container, answer.status, text));
}

/** What a container said of its failure, as much as goes into an error. */
export async function errorText(answer: ModelAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of answer.chunks()) {
      if (sizeBytes < ERROR_TEXT_BYTES_MAX) chunks.push(chunk);
      sizeBytes += chunk.length;
    }
  } catch {
    chunks.push(Buffer.from(' (the answer broke off)')); // the status is known, and is what the client needs
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, ERROR_TEXT_BYTES_MAX);
}
