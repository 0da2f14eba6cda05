import type { IncomingMessage, ServerResponse } from 'node:http';

/** A page or hook under `/_slipway/`, registered with the gateway by `main`. */
export interface WebRoute {
  /** Exact path or, ending in `/`, a prefix. */
  readonly path: string;
  handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void>;
}

/** Host names under which pages are always served. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];
