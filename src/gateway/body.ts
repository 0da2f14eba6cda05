import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../platform/errors/families.ts';

/** Bodies that are held in memory, with a limit and a deadline. */

const DEADLINE_MS = 60_000;

/** Reads the whole body; `sendContinue` tells a waiting client to go on. Throws RequestEntityTooLarge or RequestTimeout. */
export function readBody(request: IncomingMessage, sizeBytesMax: number, sendContinue: () => void): Promise<Uint8Array> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > sizeBytesMax) return Promise.reject(tooLarge(sizeBytesMax));
  sendContinue();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const onData = (chunk: Buffer): void => {
      sizeBytes += chunk.length;
      if (sizeBytes > sizeBytesMax) fail(tooLarge(sizeBytesMax));
      else chunks.push(chunk);
    };
    const onEnd = (): void => {
      stop();
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    };
    const onClose = (): void =>
      fail(new ServiceError('IncompleteBody', 'The client closed the connection before the body was complete.'));
    const fail = (error: ServiceError): void => {
      stop();
      reject(error);
    };
    const deadline = setTimeout(() => fail(tooSlow()), DEADLINE_MS);
    const stop = (): void => {
      clearTimeout(deadline);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
    };
    request.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}

const tooSlow = (): ServiceError =>
  new ServiceError(
    'RequestTimeout',
    'Your socket connection to the server was not read from or written to within the timeout period.',
  );

const tooLarge = (sizeBytesMax: number): ServiceError =>
  new ServiceError('RequestEntityTooLarge', `The request body exceeds the limit of ${sizeBytesMax} bytes.`);
