import type { ApiOperation, Service } from '../../contract/services.ts';
import type { Json } from '../../platform/json.ts';
import type { HeaderSource } from '../signature/canonical.ts';

/**
 * One protocol of AWS between the wire and typed values: names as in the model, timestamps epoch milliseconds, blobs
 * `Uint8Array`, streaming payloads `AsyncIterable`. A protocol is added by writing one of these and naming it in
 * `codecs/table.ts`; nothing else of the gateway knows wire formats.
 */
export interface Codec {
  /** The typed input; throws a ServiceError (SerializationException and its like) for what cannot be read. */
  decode(service: Service, operation: ApiOperation, request: WireRequest): Record<string, unknown>;
  encode(service: Service, operation: ApiOperation, output: Record<string, unknown>, requestId: string): WireResponse;
  encodeError(service: Service | undefined, error: WireError): WireResponse;
}

export interface WireRequest {
  readonly method: string;
  /** As sent, still percent-encoded, without the query. */
  readonly path: string;
  /** Decoded. */
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: HeaderSource;
  /** Path labels of REST operations, decoded. */
  readonly labels: Readonly<Record<string, string>>;
  /** The whole body, unless the operation's payload is a stream. */
  readonly body: Uint8Array;
  readonly stream?: AsyncIterable<Uint8Array>;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>;
}

export interface WireError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly messageMember: 'message' | 'Message';
  readonly members: Readonly<Record<string, Json>>;
  readonly requestId: string;
  /** Path of the resource, for S3's error document. */
  readonly resource: string;
}

export const decodeText = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
