import { request as httpRequest } from '../platform/node-http.ts';
import { openSocketPath } from './socket-path.ts';

export interface ControlAnswer<T> {
  readonly status: number;
  readonly value: T;
}

/** One request over the router's control socket. Rejects when no router answers there. */
export function askRouter<T>(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
  timeoutMs = 10_000,
): Promise<ControlAnswer<T>> {
  const address = openSocketPath(socketPath);
  return new Promise<ControlAnswer<T>>((resolve, reject) => {
    const request = httpRequest({ socketPath: address.path, method, path, agent: false, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        try {
          resolve({ status: response.statusCode ?? 0, value: JSON.parse(Buffer.concat(chunks).toString('utf8')) as T });
        } catch (error) {
          reject(error as Error);
        }
      });
      response.once('error', reject);
    });
    request.once('timeout', () => request.destroy(new Error(`the router did not answer ${path} within ${timeoutMs} ms`)));
    request.once('error', reject);
    request.end(body);
  }).finally(() => address.close());
}

/** Calls back once when the router behind the socket is gone. Returns a function that stops watching. */
export function watchRouter(socketPath: string, gone: () => void): () => void {
  const address = openSocketPath(socketPath);
  let watching = true;
  const tell = () => {
    if (!watching) return;
    watching = false;
    address.close();
    gone();
  };
  const request = httpRequest({ socketPath: address.path, path: '/watch', agent: false }, (response) => {
    response.resume();
    response.once('close', tell);
  });
  request.once('error', tell);
  request.end();
  return () => {
    if (!watching) return;
    watching = false;
    address.close();
    request.destroy();
  };
}
