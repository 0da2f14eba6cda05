import type { Protocol } from '../contract/model.ts';
import { ERROR_CATALOGUE } from '../platform/errors/catalogue.ts';
import { BackendError, ServiceError } from '../platform/errors/families.ts';
import type { WireError } from './codecs/codec.ts';

/** Where the gateway tells of what callers must not see. */
export interface GatewayLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A thrown thing as it goes on the wire. What is no ServiceError is logged, and the caller learns only the request id. */
export function wireError(thrown: unknown, requestId: string, resource: string, log: GatewayLog): WireError {
  if (thrown instanceof ServiceError) {
    const { status, messageMember } = ERROR_CATALOGUE[thrown.code];
    return { status, code: thrown.code, message: thrown.message, messageMember, members: thrown.members, requestId, resource };
  }
  if (thrown instanceof BackendError && thrown.reason === 'throttled') {
    return plain(400, 'ThrottlingException', 'Rate exceeded', requestId, resource);
  }
  log.error({ requestId, resource, err: thrown }, 'request failed');
  if (thrown instanceof BackendError) {
    const problem =
      thrown.reason === 'storage'
        ? "The server's storage failed (its disk may be full)"
        : 'A service this request needs does not answer';
    const message = `${problem}; try again. If it goes on, look for request ${requestId} in the server's log.`;
    return plain(503, 'ServiceUnavailable', message, requestId, resource);
  }
  const message = `An internal error occurred; the server's log has more under request ${requestId}.`;
  return plain(500, 'InternalFailure', message, requestId, resource);
}

function plain(status: number, code: string, message: string, requestId: string, resource: string): WireError {
  return { status, code, message, messageMember: 'message', members: {}, requestId, resource };
}

/** Codes whose status or spelling differs in S3 and query services from the catalogue's, which follows JSON services. */
export function protocolError(error: WireError, protocol: Protocol): WireError {
  if (protocol === 'rest-xml') {
    const renamed = S3_CODES[error.code];
    return renamed ? { ...error, code: renamed[0], status: renamed[1] } : error;
  }
  if (protocol === 'query') {
    const renamed = QUERY_CODES[error.code];
    return renamed ? { ...error, code: renamed[0], status: renamed[1] } : error;
  }
  return error;
}

const S3_CODES: Readonly<Record<string, readonly [code: string, status: number]>> = {
  AccessDeniedException: ['AccessDenied', 403],
  ValidationException: ['InvalidArgument', 400],
  SerializationException: ['InvalidArgument', 400],
  ThrottlingException: ['SlowDown', 503],
  ExpiredToken: ['ExpiredToken', 400],
  RequestEntityTooLarge: ['MaxMessageLengthExceeded', 400],
  InternalFailure: ['InternalError', 500],
};

const QUERY_CODES: Readonly<Record<string, readonly [code: string, status: number]>> = {
  AccessDeniedException: ['AccessDenied', 403],
  ValidationException: ['ValidationError', 400],
  SerializationException: ['ValidationError', 400],
  ThrottlingException: ['Throttling', 400],
  ResourceNotFoundException: ['ResourceNotFound', 404],
};
