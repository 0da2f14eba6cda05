import type { IncomingMessage } from 'node:http';
import { request } from '../../platform/node-http.ts';
import type { WorkAddress } from '../../platform/ports/work.ts';

/** What came of one request to a container. `refused`: it saw nothing of it. `broken`: it went away before its answer was whole. */
export type ContainerAnswer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly contentType: string | undefined;
      readonly body: AsyncIterable<Uint8Array>;
    }
  | { readonly kind: 'refused' | 'broken' | 'late' };

const REFUSALS = new Set(['ECONNREFUSED', 'ENOENT', 'EAGAIN', 'ENOTSOCK']);

/** POST /invocations, over a connection of its own. Resolves with the head of the answer; `signal` ends it at any time. */
export function askContainer(
  address: WorkAddress,
  asked: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: AsyncIterable<Uint8Array>;
    readonly sizeBytes: number;
  },
  signal: AbortSignal,
): Promise<ContainerAnswer> {
  const to = address.kind === 'unix' ? { socketPath: address.socketPath } : { host: address.host, port: address.port };
  const headers = { ...asked.headers, 'content-length': String(asked.sizeBytes) };
  return new Promise((resolve) => {
    const sent = request({ ...to, method: 'POST', path: '/invocations', headers, agent: false, signal });
    sent.on('response', (answer: IncomingMessage) => {
      resolve({
        kind: 'answered',
        status: answer.statusCode ?? 0,
        contentType: answer.headers['content-type'],
        body: answer as AsyncIterable<Uint8Array>,
      });
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) resolve({ kind: 'late' });
      else resolve({ kind: REFUSALS.has(error.code ?? '') ? 'refused' : 'broken' });
    });
    void pour(asked.body, sent);
  });
}

async function pour(body: AsyncIterable<Uint8Array>, sent: ReturnType<typeof request>): Promise<void> {
  try {
    for await (const part of body) {
      if (sent.destroyed) return;
      if (!sent.write(part)) await new Promise<void>((resolve) => sent.once('drain', resolve).once('close', resolve));
    }
    sent.end();
  } catch (error) {
    sent.destroy(error as Error); // the input cannot be read to its end
  }
}
