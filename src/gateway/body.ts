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
    const finish = (settle: () => void): void => {
      clearTimeout(deadline);
      request.removeAllListeners('data');
      settle();
    };
    const deadline = setTimeout(() => {
      const message = 'Your socket connection to the server was not read from or written to within the timeout period.';
      finish(() => reject(new ServiceError('RequestTimeout', message)));
    }, DEADLINE_MS);
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > sizeBytesMax) finish(() => reject(tooLarge(sizeBytesMax)));
      else chunks.push(chunk);
    });
    request.once('end', () => finish(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))));
    request.once('close', () => finish(() => reject(new ServiceError('IncompleteBody', 'The client closed the connection before the body was complete.'))));
  });
}

const tooLarge = (sizeBytesMax: number): ServiceError =>
  new ServiceError('RequestEntityTooLarge', `The request body exceeds the limit of ${sizeBytesMax} bytes.`);
