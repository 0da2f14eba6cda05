import type { OperationModel, PatternPatch, ServiceModel, Shape, ShapeRef } from './model.ts';

/** An error that a service's model declares. */
export interface ErrorShape {
  /** The shape's name, which JSON protocols put into `__type`. */
  name: string;
  /** The code on the wire of query and XML protocols; the name where the model gives no other. */
  code: string;
  /** The HTTP status. awsJson models give none: 400 there, or 500 for faults of the service. */
  status: number;
  /** How the member that holds the message is spelled: SageMaker's own errors say `Message`, most others `message`. */
  messageMember: string;
  senderFault: boolean;
}

/** What a codec and the dispatcher need to know about an operation. */
export interface ApiOperation {
  name: string;
  /** The key in `Operations`, e.g. `sagemaker:CreateTrainingJob`. */
  key: string;
  model: OperationModel;
  method: string;
  /** The path template of REST protocols, e.g. `/{Bucket}/{Key+}?uploads`. */
  requestUri: string;
  /** The status of a success. */
  responseCode: number;
  /** `undefined` where the operation takes, or answers, nothing. */
  input: Shape | undefined;
  output: Shape | undefined;
  /** The element around the result in query protocols. */
  resultWrapper: string | undefined;
  /** Input members that the SDKs fill with a random token when the caller does not. */
  idempotencyTokens: string[];
  inputPayload: Payload | undefined;
  outputPayload: Payload | undefined;
  errors: ErrorShape[];
}

/** The member that is the whole body of a REST request or response. */
export interface Payload {
  member: string;
  ref: ShapeRef;
  shape: Shape;
  kind: 'blob' | 'string' | 'structure' | 'eventstream' | 'stream';
}

export interface Service {
  /** botocore's name of the service, e.g. `sagemaker-runtime`. */
  id: string;
  /** The prefix of its operations' keys and IAM actions, e.g. `sagemaker`. */
  prefix: string;
  model: ServiceModel;
  /** The service name in the credential scope. */
  signingName: string;
  operations: ReadonlyMap<string, ApiOperation>;
  /** What to match instead of a pattern of the model, by the pattern's text. */
  replacements: ReadonlyMap<string, string>;
}

/** Looks up a shape that another names; models are closed, so a missing one means the file is damaged. */
export function shapeOf(model: ServiceModel, ref: ShapeRef | string): Shape {
  const name = typeof ref === 'string' ? ref : ref.shape;
  return model.shapes[name] ?? { type: 'structure', members: {} };
}

/** A service that speaks JSON too is one of JSON's, as clients take it; requests in CBOR say so themselves. */
function spokenModel(model: ServiceModel): ServiceModel {
  const { metadata } = model;
  if (metadata.protocol !== 'smithy-rpc-v2-cbor' || !metadata.protocols?.includes('json')) return model;
  return { ...model, metadata: { ...metadata, protocol: 'json' } };
}

export function createService(id: string, prefix: string, given: ServiceModel, patches: readonly PatternPatch[] = []): Service {
  const model = spokenModel(given);
  const operations = new Map<string, ApiOperation>();
  for (const operation of Object.values(model.operations)) {
    operations.set(operation.name, describeOperation(model, prefix, operation));
  }
  const signingName = model.metadata.signingName ?? model.metadata.endpointPrefix;
  const replacements = new Map(patches.map((patch) => [patch.pattern, patch.replacement]));
  return { id, prefix, model, signingName, operations, replacements };
}

function describeOperation(model: ServiceModel, prefix: string, operation: OperationModel): ApiOperation {
  const input = operation.input && shapeOf(model, operation.input);
  const output = operation.output && shapeOf(model, operation.output);
  return {
    name: operation.name,
    key: `${prefix}:${operation.name}`,
    model: operation,
    method: operation.http.method,
    requestUri: operation.http.requestUri,
    responseCode: operation.http.responseCode ?? 200,
    input,
    output,
    resultWrapper: operation.output?.resultWrapper,
    idempotencyTokens: Object.entries(input?.members ?? {}).flatMap(([name, ref]) => (ref.idempotencyToken ? [name] : [])),
    inputPayload: input && findPayload(model, input),
    outputPayload: output && findPayload(model, output),
    errors: (operation.errors ?? []).map((error) => describeError(model, error.shape)),
  };
}

function findPayload(model: ServiceModel, shape: Shape): Payload | undefined {
  const member = shape.payload;
  const ref = member === undefined ? undefined : shape.members?.[member];
  if (member === undefined || ref === undefined) return undefined;
  const target = shapeOf(model, ref);
  if (ref.streaming || target.streaming) return { member, ref, shape: target, kind: 'stream' };
  if (target.eventstream) return { member, ref, shape: target, kind: 'eventstream' };
  const kind = target.type === 'blob' ? 'blob' : target.type === 'string' ? 'string' : 'structure';
  return { member, ref, shape: target, kind };
}

/** How an error of this service looks on the wire; for a name the model lacks, a 400 with a lower-case message. */
export function describeError(model: ServiceModel, name: string): ErrorShape {
  const shape = model.shapes[name];
  const members = Object.keys(shape?.members ?? {});
  const senderFault = shape?.error?.senderFault ?? !shape?.fault;
  return {
    name,
    code: shape?.error?.code ?? name,
    status: shape?.error?.httpStatusCode ?? (senderFault ? 400 : 500),
    messageMember: members.find((member) => member.toLowerCase() === 'message') ?? 'message',
    senderFault,
  };
}

/** Finds the operation an `X-Amz-Target: <targetPrefix>.<operation>` header names, among the given services. */
export function findByTarget(services: Iterable<Service>, target: string): ApiOperation | undefined {
  const dot = target.lastIndexOf('.');
  if (dot < 0) return undefined;
  const prefix = target.slice(0, dot);
  for (const service of services) {
    if (service.model.metadata.targetPrefix === prefix) return service.operations.get(target.slice(dot + 1));
  }
  return undefined;
}

export function findService(services: Iterable<Service>, id: string): Service | undefined {
  for (const service of services) if (service.id === id) return service;
  return undefined;
}

/** Every operation with its HTTP method and path template, for routers of REST protocols. */
export function listRoutes(service: Service): { operation: ApiOperation; method: string; requestUri: string }[] {
  return [...service.operations.values()].map((operation) => ({
    operation,
    method: operation.method,
    requestUri: operation.requestUri,
  }));
}
