import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { answerFault, modelError } from './answer.ts';
import { isSuccess } from './attempt.ts';
import type { Invocation } from './invoke.ts';

/** As much of a failed answer as goes into the error. */
const ERROR_TEXT_BYTES_MAX = 16 * 1024;

/** Sends a container's answer on: as it is when it succeeded, as a ModelError otherwise. */
export function relay(
  answer: IncomingMessage,
  from: { readonly variant: string; readonly container: string },
  invocation: Invocation,
  response: ServerResponse,
): Promise<void> {
  const status = answer.statusCode ?? 0;
  return isSuccess(answer)
    ? relaySuccess(answer, status, from.variant, invocation, response)
    : relayFailure(answer, status, from.container, invocation, response);
}

function relaySuccess(
  answer: IncomingMessage,
  status: number,
  variant: string,
  { requestId }: Invocation,
  response: ServerResponse,
): Promise<void> {
  const headers: OutgoingHttpHeaders = { 'x-amzn-requestid': requestId, 'x-amzn-invoked-production-variant': variant };
  for (const name in answer.headers) {
    if (name === 'content-type' || name === 'content-length' || name.startsWith('x-amzn-sagemaker-'))
      headers[name] = answer.headers[name];
  }
  response.writeHead(status, headers);
  return new Promise((resolve) => {
    answer.once('close', () => {
      // an answer that breaks off must not look complete
      if (!answer.complete) response.destroy();
      resolve();
    });
    answer.on('error', () => response.destroy());
    response.once('close', () => answer.destroy());
    answer.pipe(response);
  });
}

async function relayFailure(
  answer: IncomingMessage,
  status: number,
  container: string,
  { entry, requestId }: Invocation,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (sizeBytes < ERROR_TEXT_BYTES_MAX) chunks.push(chunk);
      sizeBytes += chunk.length;
    }
  } catch {
    chunks.push(Buffer.from(' (the answer broke off)')); // the status is known, and is what the client needs
  }
  const text = Buffer.concat(chunks).toString('utf8').slice(0, ERROR_TEXT_BYTES_MAX);
  const { account, region, name } = entry.route;
  answerFault(response, requestId, modelError({ account, region, endpoint: name }, container, status, text));
}
