/**
 * The API model of one AWS service as committed under models/: botocore's `service-2` format without documentation.
 * These types describe only what the server reads; other traits are kept in the files and ignored here.
 */

export type ShapeType =
  | 'structure'
  | 'list'
  | 'map'
  | 'string'
  | 'integer'
  | 'long'
  | 'float'
  | 'double'
  | 'boolean'
  | 'timestamp'
  | 'blob';

export type TimestampFormat = 'iso8601' | 'rfc822' | 'unixTimestamp';

export type XmlNamespace = string | { uri: string; prefix?: string };

/** A use of a shape by a structure member, a list, a map, or an operation; traits given here win over the shape's. */
export interface ShapeRef {
  shape: string;
  /** Where REST protocols put the member; absent means the body. */
  location?: 'uri' | 'querystring' | 'header' | 'headers' | 'statusCode';
  /** The name on the wire (REST and query protocols, XML elements). */
  locationName?: string;
  /** List members follow one another without a wrapping element. */
  flattened?: boolean;
  /** The SDK fills this member when the caller does not. */
  idempotencyToken?: boolean;
  /** The member's bytes are a stream and must not be buffered. */
  streaming?: boolean;
  /** The string holds a JSON document. */
  jsonvalue?: boolean;
  xmlNamespace?: XmlNamespace;
  xmlAttribute?: boolean;
  timestampFormat?: TimestampFormat;
  box?: boolean;
  hostLabel?: boolean;
  eventpayload?: boolean;
  eventheader?: boolean;
  deprecated?: boolean;
}

export interface Shape {
  type: ShapeType;
  /** structure: members in AWS's order. */
  members?: Record<string, ShapeRef>;
  required?: string[];
  /** structure: exactly one member may be set. */
  union?: boolean;
  /** structure: the member that is the whole REST body. */
  payload?: string;
  /** structure: a stream of events, each one of its members. */
  eventstream?: boolean;
  event?: boolean;
  exception?: boolean;
  error?: { code?: string; httpStatusCode?: number; senderFault?: boolean };
  fault?: boolean;
  document?: boolean;
  member?: ShapeRef;
  key?: ShapeRef;
  value?: ShapeRef;
  flattened?: boolean;
  /** Length of strings (characters), blobs (bytes), lists and maps (entries); range of numbers. */
  min?: number;
  max?: number;
  /** A Java regular expression that has to match the whole value. */
  pattern?: string;
  enum?: string[];
  sensitive?: boolean;
  streaming?: boolean;
  timestampFormat?: TimestampFormat;
  locationName?: string;
  xmlNamespace?: XmlNamespace;
  box?: boolean;
}

export interface OperationModel {
  name: string;
  http: { method: string; requestUri: string; responseCode?: number };
  input?: ShapeRef;
  output?: ShapeRef & { resultWrapper?: string };
  errors?: { shape: string }[];
  httpChecksum?: {
    requestChecksumRequired?: boolean;
    requestAlgorithmMember?: string;
    requestValidationModeMember?: string;
    responseAlgorithms?: string[];
  };
  authtype?: string;
  unsignedPayload?: boolean;
  endpoint?: { hostPrefix?: string };
  idempotent?: boolean;
  readonly?: boolean;
  deprecated?: boolean;
}

export type Protocol = 'json' | 'rest-json' | 'rest-xml' | 'query' | 'ec2' | 'smithy-rpc-v2-cbor';

export interface ServiceMetadata {
  apiVersion: string;
  endpointPrefix: string;
  protocol: Protocol;
  protocols?: Protocol[];
  jsonVersion?: string;
  serviceFullName: string;
  serviceAbbreviation?: string;
  serviceId: string;
  signatureVersion: string;
  /** The service name in the credential scope; the endpoint prefix when absent. */
  signingName?: string;
  /** The part of X-Amz-Target before the dot. */
  targetPrefix?: string;
  globalEndpoint?: string;
  /** The service once spoke the query protocol: errors also carry their code of those days in a header. */
  awsQueryCompatible?: object;
  xmlNamespace?: XmlNamespace;
}

export interface ServiceModel {
  /** Where the model was taken from, e.g. `botocore 1.44.5`. */
  source: string;
  metadata: ServiceMetadata;
  operations: Record<string, OperationModel>;
  shapes: Record<string, Shape>;
}

/** Our replacement for a pattern that JavaScript cannot run as it stands, or only in exponential time. */
export interface PatternPatch {
  /** The pattern as the model has it: also what the error message goes on showing. */
  pattern: string;
  /** Accepts the same strings, in linear time. JavaScript syntax, matched against the whole value. */
  replacement: string;
  reason: string;
}
