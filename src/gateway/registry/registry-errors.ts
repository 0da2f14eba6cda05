import type { ErrorCode } from '../../platform/errors/catalogue.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import type { GatewayLog } from '../fault.ts';

/** An error as the OCI distribution specification writes it. */
export interface RegistryError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What ends a request of the registry protocol before an operation is asked. */
export class RegistryRefusal extends Error {
  readonly error: RegistryError;

  constructor(error: RegistryError) {
    super(error.message);
    this.name = 'RegistryRefusal';
    this.error = error;
  }
}

export const refusal = (status: number, code: string, message: string): RegistryRefusal =>
  new RegistryRefusal({ status, code, message });

const CODES: Partial<Record<ErrorCode, readonly [status: number, code: string]>> = {
  RepositoryNotFoundException: [404, 'NAME_UNKNOWN'],
  ImageNotFoundException: [404, 'MANIFEST_UNKNOWN'],
  ReferencedImagesNotFoundException: [404, 'MANIFEST_BLOB_UNKNOWN'],
  LayersNotFoundException: [404, 'BLOB_UNKNOWN'],
  UploadNotFoundException: [404, 'BLOB_UPLOAD_UNKNOWN'],
  InvalidLayerPartException: [416, 'BLOB_UPLOAD_INVALID'],
  EmptyUploadException: [400, 'BLOB_UPLOAD_INVALID'],
  InvalidLayerException: [400, 'DIGEST_INVALID'],
  ImageDigestDoesNotMatchException: [400, 'DIGEST_INVALID'],
  ImageTagAlreadyExistsException: [400, 'TAG_INVALID'],
  InvalidParameterException: [400, 'MANIFEST_INVALID'],
  AccessDeniedException: [403, 'DENIED'],
  // a status that clients do not try again
  LimitExceededException: [403, 'DENIED'],
  ThrottlingException: [429, 'TOOMANYREQUESTS'],
  IncompleteBody: [400, 'BLOB_UPLOAD_INVALID'],
  RequestEntityTooLarge: [413, 'SIZE_INVALID'],
  NotImplementedException: [501, 'UNSUPPORTED'],
};

/** What a caller may see of a thrown thing; the rest goes to the log under the request's id. */
export function registryError(thrown: unknown, requestId: string, path: string, log: GatewayLog): RegistryError {
  if (thrown instanceof RegistryRefusal) return thrown.error;
  if (thrown instanceof ServiceError) {
    const [status, code] = CODES[thrown.code] ?? [400, 'UNKNOWN'];
    return { status, code, message: thrown.message };
  }
  log.error({ requestId, resource: path, err: thrown }, 'request failed');
  const status = thrown instanceof BackendError ? 503 : 500;
  return { status, code: 'UNKNOWN', message: `The registry failed; the server's log has more under request ${requestId}.` };
}
