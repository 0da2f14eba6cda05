import type { IncomingMessage } from 'node:http';
import { request } from './node-http.ts';
import type { WorkAddress, WorkAnswer, WorkRequest, WorkRequestBody } from './ports/work.ts';

const REFUSALS = new Set(['ECONNREFUSED', 'ENOENT', 'EAGAIN', 'ENOTSOCK']);

/** `WorkBackend.ask` for a backend whose services can be connected to from here. */
export function askAddress(address: WorkAddress, { method, path, headers, body, signal }: WorkRequest): Promise<WorkAnswer> {
  const to = address.kind === 'unix' ? { socketPath: address.socketPath } : { host: address.host, port: address.port };
  const sized = { ...headers, 'content-length': String(body?.sizeBytes ?? 0) };
  return new Promise((resolve) => {
    const sent = request({ ...to, method, path, headers: sized, agent: false, ...(signal && { signal }) });
    sent.on('response', (answer: IncomingMessage) => {
      resolve({
        kind: 'answered',
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        body: answer as AsyncIterable<Uint8Array>,
      });
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (signal?.aborted) resolve({ kind: 'late' });
      else resolve({ kind: REFUSALS.has(error.code ?? '') ? 'refused' : 'broken' });
    });
    if (body) void pour(body, sent);
    else sent.end();
  });
}

async function pour({ parts }: WorkRequestBody, sent: ReturnType<typeof request>): Promise<void> {
  try {
    for await (const part of parts) {
      if (sent.destroyed) return;
      if (!sent.write(part)) await new Promise<void>((resolve) => sent.once('drain', resolve).once('close', resolve));
    }
    sent.end();
  } catch (error) {
    sent.destroy(error as Error); // the body cannot be read to its end
  }
}
