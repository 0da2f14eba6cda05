import type { IncomingMessage, ServerResponse } from 'node:http';

/** A page or hook under `/_slipway/`, registered with the gateway by `main`. */
export interface WebRoute {
  /** Exact path or, ending in `/`, a prefix. */
  readonly path: string;
  handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void>;
}
