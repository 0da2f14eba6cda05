/**
 * HTTP to addresses that users name: subscriptions, API destinations, hooks. A user could name our own API or a cloud's metadata
 * service, so every adapter checks where a connection really goes (docs/security.md). One request, one answer; redirects are answers.
 */
export interface OutgoingHttp {
  /** Never throws: what went wrong is a value. */
  send(request: OutgoingRequest): Promise<OutgoingResult>;
  /** Why nothing may be sent to `url`, as far as its text tells; for refusing it when a user names it. Names are resolved only by `send`. */
  problemOf(url: string): string | undefined;
  /** For clients that are not ours, which must be held to these: the addresses that the host has now and that may be reached. */
  addressesOf?(url: string): Promise<readonly string[] | OutgoingFailure>;
}

export interface OutgoingRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';
  /** http or https, without credentials in it. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** From the look-up of the name to the last byte read; 15 s when absent. */
  readonly timeoutMs?: number;
  /** How much of the answer's body is read; 64 KiB when absent. */
  readonly answerBytesMax?: number;
}

export type OutgoingResult = OutgoingAnswer | OutgoingFailure;

export interface OutgoingAnswer {
  readonly outcome: 'answered';
  readonly status: number;
  /** Names in lower case; of several of one name the values are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The first `answerBytesMax` bytes. */
  readonly body: Uint8Array;
  readonly truncated: boolean;
}

export interface OutgoingFailure {
  readonly outcome: 'failed';
  /** `refused`: the address may not be reached from here, and asking again does not help unless names resolve otherwise. */
  readonly reason: 'refused' | 'unreachable' | 'timed-out' | 'tls' | 'broken';
  readonly message: string;
}

/** A 2xx: what receivers of messages answer when they have taken one. */
export const isTaken = (result: OutgoingResult): boolean =>
  result.outcome === 'answered' && result.status >= 200 && result.status < 300;
