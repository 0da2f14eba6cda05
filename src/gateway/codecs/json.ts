import { readShape } from '../../contract/validate.ts';
import type { Service } from '../../contract/services.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { type Codec, decodeText, type WireError, type WireResponse } from './codec.ts';
import { toJson } from './json-write.ts';
import { isQueryCompatible, queryCode } from './query-compatible.ts';

/** awsJson 1.0 and 1.1: everything in one JSON body, the operation in X-Amz-Target. */
export const jsonCodec: Codec = {
  decode(service, operation, request) {
    const ref = operation.model.input;
    const body = parseJsonBody(request.body);
    if (!ref) return {};
    const { value, problem } = readShape(service, ref, body ?? {});
    if (problem !== undefined) throw new ServiceError('SerializationException', problem);
    return value as Record<string, unknown>;
  },
  encode(service, operation, output) {
    const ref = operation.model.output;
    const body = ref ? JSON.stringify(toJson(service, ref, output)) : '';
    return { status: operation.responseCode, headers: { 'content-type': contentType(service) }, body };
  },
  encodeError(service, error) {
    if (!service || !isQueryCompatible(service)) return jsonError(error, contentType(service));
    const modelled = service.model.shapes[error.code]?.exception === true;
    const type = `${modelled ? `com.amazonaws.${service.prefix}` : 'com.amazon.coral.service'}#${error.code}`;
    const { body, headers, status } = jsonError({ ...error, code: type }, contentType(service));
    const side = error.status >= 500 ? 'Receiver' : 'Sender';
    return { status, headers: { ...headers, 'x-amzn-query-error': `${queryCode(service, error.code)};${side}` }, body };
  },
};

const contentType = (service: Service | undefined): string =>
  `application/x-amz-json-${service?.model.metadata.jsonVersion ?? '1.1'}`;

/** The parsed body; undefined when there is none. Throws SerializationException in AWS's words. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(decodeText(bytes));
  } catch {
    // the parser's own message quotes the body and its offsets are no help to an SDK's user
    throw new ServiceError('SerializationException', 'The request body is not valid JSON.');
  }
}

/** `__type` for those who read the body, `x-amzn-ErrorType` for those who read headers first. */
export function jsonError(error: WireError, type: string): WireResponse {
  const body = { __type: error.code, [error.messageMember]: error.message, ...error.members };
  return {
    status: error.status,
    headers: { 'content-type': type, 'x-amzn-errortype': error.code },
    body: JSON.stringify(body),
  };
}
