import type { IncomingMessage } from 'node:http';
import { request } from '../../platform/node-http.ts';
import type { WorkAddress } from '../../platform/ports/work.ts';

/** What an environment's bootstrap (runtimes/function) is asked. */

export interface Answered {
  readonly status: number;
  readonly functionError?: string;
  /** The process ends with this answer. */
  readonly last: boolean;
  readonly body: Buffer;
}

/** More than Lambda lets a function answer: the bootstrap refuses before. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;

export interface Asking {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Undefined when nothing listens there (yet, or any more), when it hung up, and when `signal` gave up. Never throws. */
export function ask(
  address: WorkAddress,
  { method, path, headers = {}, body = '', signal }: Asking,
): Promise<Answered | undefined> {
  const target = address.kind === 'unix' ? { socketPath: address.socketPath } : { host: address.host, port: address.port };
  return new Promise((resolve) => {
    const bytes = Buffer.from(body);
    const asked = request(
      {
        ...target,
        method,
        path,
        agent: false,
        headers: { ...headers, 'content-length': bytes.byteLength },
        ...(signal && { signal }),
      },
      (response) => read(response).then(resolve),
    );
    asked.on('error', () => resolve(undefined)); // not there, or cut: what the process came to is known from its end
    asked.end(bytes);
  });
}

function read(response: IncomingMessage): Promise<Answered | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    response.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.byteLength;
      chunks.push(chunk);
      if (sizeBytes > ANSWER_BYTES_MAX) response.destroy();
    });
    response.on('error', () => resolve(undefined));
    response.on('close', () => {
      if (!response.complete) return resolve(undefined);
      const functionError = response.headers['function-error'];
      resolve({
        status: response.statusCode ?? 0,
        last: response.headers['last'] !== undefined,
        body: Buffer.concat(chunks),
        ...(typeof functionError === 'string' && { functionError }),
      });
    });
  });
}
