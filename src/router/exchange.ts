import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request as httpRequest } from '../platform/node-http.ts';
import type { Upstream } from './upstream.ts';

export interface ModelRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  /** Until the first byte of the answer. */
  readonly deadlineMs: number;
  /** Aborted when the client went away. */
  readonly signal: AbortSignal;
}

/** `refused`: no connection, so the model server saw nothing. `broken`: the connection ended before the answer began. */
export type Outcome =
  | { readonly kind: 'answered'; readonly answer: IncomingMessage }
  | { readonly kind: 'refused' | 'broken' | 'late' | 'aborted' };

const REFUSALS = new Set(['ECONNREFUSED', 'ENOENT', 'EAGAIN', 'ENOTSOCK']);

/** One request to one model server, up to the head of its answer. An idle connection that was closed meanwhile is replaced. */
export async function exchange(upstream: Upstream, asked: ModelRequest): Promise<Outcome> {
  for (;;) {
    const outcome = await exchangeOnce(upstream, asked);
    if (outcome !== 'stale') return outcome;
  }
}

/** `stale`: an idle connection turned out to be closed; a new one may well work. */
function exchangeOnce(upstream: Upstream, asked: ModelRequest): Promise<Outcome | 'stale'> {
  return new Promise((resolve) => {
    let settled = false;
    const settle = (outcome: Outcome | 'stale') => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      asked.signal.removeEventListener('abort', abort);
      resolve(outcome);
    };
    const { method = 'POST', path, headers } = asked;
    const request = httpRequest({ ...upstream.requestOptions, method, path, headers });
    const abort = () => {
      settle({ kind: 'aborted' });
      request.destroy();
    };
    const timer = setTimeout(
      () => {
        settle({ kind: 'late' });
        request.destroy();
      },
      Math.max(0, asked.deadlineMs - Date.now()),
    );
    asked.signal.addEventListener('abort', abort);
    request.on('response', (answer) => settle({ kind: 'answered', answer }));
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (REFUSALS.has(error.code ?? '')) settle({ kind: 'refused' });
      else settle(request.reusedSocket ? 'stale' : { kind: 'broken' });
    });
    if (asked.signal.aborted) abort();
    else request.end(asked.body);
  });
}
