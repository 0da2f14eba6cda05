import type { IncomingMessage, ServerResponse } from 'node:http';
import { invariant } from '../platform/errors/families.ts';
import type { WireResponse } from './codecs/codec.ts';
import type { GatewayLog } from './fault.ts';

/** After an answer to a request whose body was not read: this much is read away so that the connection can be kept. */
const DRAIN_BYTES_MAX = 16 * 1024 * 1024;

/** Requests whose client waits for `100 Continue` and has not got it: their body never comes. */
export const awaitingContinue = new WeakSet<IncomingMessage>();

/** Sends a response whose parts are all known before the first byte, or streams a body after its first chunk is there. */
export async function sendResponse(
  request: IncomingMessage,
  response: ServerResponse,
  wire: WireResponse,
  requestId: string,
  log: GatewayLog,
): Promise<void> {
  const headers: Record<string, string> = { 'x-amzn-requestid': requestId, 'x-amz-request-id': requestId, ...wire.headers };
  if (hasLongRest(request)) headers['connection'] = 'close';
  const { body } = wire;
  if (typeof body === 'string' || body instanceof Uint8Array) {
    if (wire.status !== 304 && wire.status !== 204) headers['content-length'] ??= String(Buffer.byteLength(body));
    response.writeHead(wire.status, headers);
    // text goes out in one write with the headers
    response.end(request.method === 'HEAD' || wire.status === 304 ? undefined : body);
    if (!request.complete) request.resume();
    return;
  }
  await streamBody(request, response, { ...wire, headers, body }, requestId, log);
}

/** Whether the connection must end with the answer: more of the body is to come than is worth reading away, or none at all. */
export function hasLongRest(request: IncomingMessage): boolean {
  if (request.complete) return false;
  if (awaitingContinue.has(request)) return true;
  if (request.headers['transfer-encoding'] !== undefined) return true;
  return Number(request.headers['content-length'] ?? 0) > DRAIN_BYTES_MAX;
}

/** A source that fails on its first chunk throws, and an error answer is still possible; later the connection is cut. */
async function streamBody(
  request: IncomingMessage,
  response: ServerResponse,
  wire: WireResponse & { readonly body: AsyncIterable<Uint8Array> },
  requestId: string,
  log: GatewayLog,
): Promise<void> {
  const source = wire.body[Symbol.asyncIterator]();
  let step = request.method === 'HEAD' ? { done: true as const, value: undefined } : await source.next();
  response.writeHead(wire.status, wire.headers);
  const announced = wire.headers['content-length'];
  let sizeBytes = 0;
  try {
    while (!step.done && !response.destroyed) {
      sizeBytes += step.value.length;
      if (!response.write(step.value)) await drained(response);
      step = await source.next();
    }
    invariant(
      announced === undefined || Number(announced) === sizeBytes || request.method === 'HEAD' || response.destroyed,
      'A body has the announced length.',
    );
    response.end();
  } catch (error) {
    // the status is already sent: a cut connection is the only way to say that the body is not whole
    log.error({ requestId, err: error }, 'response body failed');
    response.destroy();
  } finally {
    await source.return?.();
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}
