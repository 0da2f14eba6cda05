import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request as httpRequest } from '../platform/node-http.ts';
import type { Instance } from './instance.ts';

export interface ModelRequest {
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  /** Until the first byte of the answer. */
  readonly deadlineMs: number;
  /** Aborted when the client went away. */
  readonly signal: AbortSignal;
}

/**
 * `refused`: no connection, so the model server saw nothing. `broken`: the connection ended before the answer began.
 * `stale`: an idle connection turned out to be closed; a new one may well work.
 */
export type Outcome =
  | { readonly kind: 'answered'; readonly answer: IncomingMessage }
  | { readonly kind: 'refused' | 'stale' | 'broken' | 'late' | 'aborted' };

const REFUSALS = new Set(['ECONNREFUSED', 'ENOENT', 'EAGAIN', 'ENOTSOCK']);

/** One attempt at one model server. The instance counts as busy until the answer was read to its end. */
export function exchange(instance: Instance, asked: ModelRequest): Promise<Outcome> {
  instance.begin();
  return new Promise((resolve) => {
    let settled = false;
    const settle = (outcome: Outcome) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      asked.signal.removeEventListener('abort', abort);
      if (outcome.kind !== 'answered') instance.end();
      resolve(outcome);
    };
    const request = httpRequest({ ...instance.requestOptions, method: 'POST', path: '/invocations', headers: asked.headers });
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
    request.on('response', (answer) => {
      instance.refusedAtMs = 0;
      answer.once('close', () => instance.end());
      settle({ kind: 'answered', answer });
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const refused = REFUSALS.has(error.code ?? '');
      if (refused) instance.refusedAtMs = Date.now();
      settle({ kind: refused ? 'refused' : request.reusedSocket ? 'stale' : 'broken' });
    });
    if (asked.signal.aborted) abort();
    else request.end(asked.body);
  });
}
