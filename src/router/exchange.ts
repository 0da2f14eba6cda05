import type { ModelAnswer } from './model-answer.ts';
import type { Upstream } from './upstream.ts';

export interface ModelRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** Without `content-length` and `host`, which are added. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Until the first byte of the answer. */
  readonly deadlineMs: number;
  readonly client: Client;
}

/** Whether whoever asked still waits. An AbortSignal would make an exception for each request that ends well, too. */
export class Client {
  isGone = false;
  onGone: (() => void) | undefined;

  leave(): void {
    this.isGone = true;
    this.onGone?.();
  }
}

export type Outcome = { readonly kind: 'answered'; readonly answer: ModelAnswer } | { readonly kind: Ended };
export type Ended = 'refused' | 'broken' | 'late' | 'aborted';

/** One request to one model server, up to the head of its answer. An idle connection that was closed meanwhile is replaced. */
export async function exchange(upstream: Upstream, asked: ModelRequest): Promise<Outcome> {
  for (;;) {
    const settled = await upstream.send(asked);
    if (settled.kind === 'answered') return settled;
    if (settled.kind !== 'stale') return { kind: settled.kind };
  }
}
