import type { DestinationParameters } from '../notices.ts';
import type { OutgoingRequest } from './outgoing-http.ts';

/** What the room of API destinations knows of them, for the room that sends: a request with its secrets, made when it goes out. */
export interface ApiDestinations {
  /** `gone`: destination or connection do not exist (any more). */
  requestTo(arn: string, body: string, parameters: DestinationParameters): Promise<OutgoingRequest | { readonly gone: string }>;
}

/** A call that passes on an event from one bus to the next: whose it is and how far it came. Clients cannot say it. */
export interface WithForwarded {
  readonly Forwarded?: { readonly event: string; readonly hops: number };
}
