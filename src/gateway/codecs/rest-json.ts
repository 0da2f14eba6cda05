import { describeError, type Service } from '../../contract/services.ts';
import { readShape } from '../../contract/validate.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { type Codec, decodeText, type WireError, type WireRequest } from './codec.ts';
import { jsonError, parseJsonBody } from './json.ts';
import { toJson } from './json-write.ts';
import { readBindings, writeBindings } from './rest-binding.ts';

/** restJson1: members in path, query, headers; the rest in a JSON body or one payload member. */
export const restJsonCodec: Codec = {
  decode(service, operation, request) {
    const input = operation.input;
    const ref = operation.model.input;
    if (!input || !ref) return {};
    const bound = readBindings(
      service,
      input,
      request,
      (member, text) =>
        new ServiceError('SerializationException', `${text.slice(0, 200)} of ${member} cannot be converted to its type.`),
    );
    const payload = operation.inputPayload;
    if (!payload) {
      const inBody = Object.values(input.members ?? {}).some((member) => !member.location);
      return inBody ? { ...(readJson(service, ref, request) as object), ...bound } : bound;
    }
    // no bytes are no document: the member was not given
    if (payload.kind !== 'structure' || request.body.length > 0) bound[payload.member] = payloadValue(service, payload, request);
    return bound;
  },
  encode(service, operation, output) {
    const { status, headers } = writeBindings(service, operation, output);
    const payload = operation.outputPayload;
    if (payload && payload.kind !== 'structure') {
      const body = (output[payload.member] ?? '') as string | Uint8Array | AsyncIterable<Uint8Array>;
      // the one payload of this kind is a function's, which is JSON
      return { status, headers: { ...(body !== '' && { 'content-type': 'application/json' }), ...headers }, body };
    }
    const ref = payload?.ref ?? operation.model.output;
    const value = payload ? output[payload.member] : output;
    const body = ref && value !== undefined ? JSON.stringify(toJson(service, ref, value)) : '';
    return { status, headers: { 'content-type': 'application/json', ...headers }, body };
  },
  encodeError: (service, error) => jsonError(asModelled(service, error), 'application/json'),
};

/** What the gateway says before a room is asked, in a service's own words where it has them. */
const OWN_CODES: Readonly<Record<string, string>> = { RequestEntityTooLarge: 'RequestTooLargeException' };

/** Where the service's model declares the error, its status and members count: Lambda's ResourceNotFoundException is a 404. */
function asModelled(service: Service | undefined, given: WireError): WireError {
  const own = OWN_CODES[given.code];
  const error = own !== undefined && service?.model.shapes[own] ? { ...given, code: own } : given;
  const shape = service?.model.shapes[error.code];
  if (!service || !shape) return error.code === 'AccessDeniedException' ? { ...error, status: 403 } : error;
  const { status, messageMember, senderFault } = describeError(service.model, error.code);
  const type = shape.members?.['Type'] && { Type: senderFault ? 'User' : 'Service' };
  return {
    ...error,
    status,
    messageMember: messageMember === 'Message' ? 'Message' : 'message',
    members: { ...type, ...error.members },
  };
}

type Ref = Parameters<typeof readShape>[1];

function readJson(service: Service, ref: Ref, request: WireRequest): unknown {
  const { value, problem } = readShape(service, ref, parseJsonBody(request.body) ?? {});
  if (problem !== undefined) throw new ServiceError('SerializationException', problem);
  return value;
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

function payloadValue(service: Service, payload: { kind: string; ref: Ref }, request: WireRequest): unknown {
  if (payload.kind === 'stream') return request.stream ?? once(request.body);
  if (payload.kind === 'eventstream') return request.stream;
  if (payload.kind === 'blob') return request.body;
  return payload.kind === 'string' ? decodeText(request.body) : readJson(service, payload.ref, request);
}
