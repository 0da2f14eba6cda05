import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { EVENT_STREAM, payloadPart, streamFault } from './event-stream.ts';
import type { Invocation } from './invoke.ts';
import type { ModelAnswer } from './model-answer.ts';
import { type Origin, pour } from './relay.ts';

/** AWS: a streamed answer is over within eight minutes. */
const STREAM_TIMEOUT_MS = 8 * 60_000;

/**
 * Sends an answer on as events, each part as soon as it comes. The head has said 200 by then, so that what goes wrong later is an event, too.
 */
export async function relayStream(
  answer: ModelAnswer,
  { variant, container, headers: added }: Origin,
  { requestId }: Invocation,
  response: ServerResponse,
): Promise<void> {
  const headers: OutgoingHttpHeaders = {
    'content-type': EVENT_STREAM,
    'x-amzn-requestid': requestId,
    'x-amzn-invoked-production-variant': variant,
    ...added,
  };
  const type = answer.headers['content-type'];
  if (type !== undefined) headers['x-amzn-sagemaker-content-type'] = type;
  for (const name in answer.headers) {
    if (name.startsWith('x-amzn-sagemaker-')) headers[name] = answer.headers[name];
  }
  response.writeHead(200, headers);
  response.flushHeaders();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    answer.destroy();
  }, STREAM_TIMEOUT_MS);
  const fail = () => {
    const fault = isLate
      ? { Message: `Container ${container} did not end its answer within 8 minutes.`, ErrorCode: 'ModelInvocationTimeExceeded' }
      : { Message: `Container ${container} broke its answer off. Look at its log.`, ErrorCode: 'StreamBroken' };
    response.end(streamFault('ModelStreamError', fault));
  };
  try {
    await pour(answer, response, payloadPart, fail);
  } finally {
    clearTimeout(timer);
  }
}
