/**
 * Every error code a caller can receive, with its HTTP status and the spelling of the message member on the wire
 * (SageMaker's modelled errors say `Message`, un-modelled ones `message`; measured). Rooms throw
 * `new ServiceError(code, message)`; the gateway alone maps to the protocol.
 */
export interface ErrorEntry {
  readonly status: number;
  readonly messageMember: 'message' | 'Message';
}

const lower = (status: number): ErrorEntry => ({ status, messageMember: 'message' });
const upper = (status: number): ErrorEntry => ({ status, messageMember: 'Message' });

export const ERROR_CATALOGUE = {
  // any service
  ValidationException: lower(400),
  SerializationException: upper(400),
  AccessDeniedException: lower(400),
  AccessDenied: lower(403),
  ThrottlingException: lower(400),
  InternalFailure: lower(500),
  ServiceUnavailable: lower(503),
  NotImplementedException: lower(501),
  UnknownOperationException: lower(404),
  RequestEntityTooLarge: lower(413),
  RequestTimeout: lower(400),
  InvalidURI: lower(400),
  MalformedQueryString: lower(400),
  MissingAction: lower(400),
  // signatures
  IncompleteSignature: lower(400),
  MissingAuthenticationToken: lower(403),
  MissingAuthenticationTokenException: lower(400),
  IncompleteSignatureException: lower(400),
  InvalidClientTokenId: lower(403),
  UnrecognizedClientException: lower(400),
  InvalidSignatureException: lower(400),
  SignatureDoesNotMatch: lower(403),
  RequestExpired: lower(400),
  ExpiredToken: lower(403),
  ExpiredTokenException: lower(400),
  InvalidAccessKeyId: lower(403),
  RequestTimeTooSkewed: lower(403),
  AuthorizationHeaderMalformed: lower(400),
  InvalidToken: lower(400),
  // SageMaker
  ResourceNotFound: upper(400),
  ResourceInUse: upper(400),
  ResourceLimitExceeded: upper(400),
  ResourceAlreadyExists: upper(400),
  ConflictException: upper(400),
  ModelError: upper(424),
  ModelNotReadyException: upper(429),
  ValidationError: upper(400),
  // S3
  NoSuchBucket: lower(404),
  NoSuchKey: lower(404),
  NoSuchUpload: lower(404),
  NotFound: lower(404),
  NotModified: lower(304),
  BucketAlreadyExists: lower(409),
  BucketAlreadyOwnedByYou: lower(409),
  BucketNotEmpty: lower(409),
  InvalidBucketName: lower(400),
  InvalidArgument: lower(400),
  InvalidRange: lower(416),
  InvalidDigest: lower(400),
  BadDigest: lower(400),
  InvalidPart: lower(400),
  InvalidPartOrder: lower(400),
  EntityTooLarge: lower(400),
  EntityTooSmall: lower(400),
  KeyTooLongError: lower(400),
  MetadataTooLarge: lower(400),
  AccessControlListNotSupported: lower(400),
  MalformedXML: lower(400),
  MethodNotAllowed: lower(405),
  MissingContentLength: lower(411),
  IncompleteBody: lower(400),
  InvalidRequest: lower(400),
  OperationAborted: lower(409),
  PreconditionFailed: lower(412),
  IllegalLocationConstraintException: lower(400),
  InvalidLocationConstraint: lower(400),
  InvalidStorageClass: lower(400),
  NotImplemented: lower(501),
  XAmzContentSHA256Mismatch: lower(400),
  // IAM, STS
  NoSuchEntity: lower(404),
  EntityAlreadyExists: lower(409),
  DeleteConflict: lower(409),
  MalformedPolicyDocument: lower(400),
  LimitExceeded: lower(409),
  InvalidInput: lower(400),
  // CloudWatch Logs
  ResourceNotFoundException: lower(400),
  ResourceAlreadyExistsException: lower(400),
  InvalidParameterException: lower(400),
  // SQS
  QueueDoesNotExist: lower(400),
  QueueNameExists: lower(400),
  PurgeQueueInProgress: lower(403),
  ReceiptHandleIsInvalid: lower(400),
  InvalidMessageContents: lower(400),
  InvalidAttributeName: lower(400),
  InvalidAttributeValue: lower(400),
  InvalidParameterValue: lower(400),
  MissingParameter: lower(400),
  InvalidAddress: lower(404),
  UnsupportedOperation: lower(400),
  RequestThrottled: lower(403),
  BatchEntryIdsNotDistinct: lower(400),
  BatchRequestTooLong: lower(400),
  EmptyBatchRequest: lower(400),
  InvalidBatchEntryId: lower(400),
  TooManyEntriesInBatchRequest: lower(400),
  // Lambda; statuses and spellings on the wire are those of its model
  ResourceConflictException: lower(409),
  InvalidParameterValueException: lower(400),
  InvalidRequestContentException: lower(400),
  RequestTooLargeException: upper(413),
  TooManyRequestsException: lower(429),
  PolicyLengthExceededException: lower(400),
  PreconditionFailedException: upper(412),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;
