import { readShape } from '../../contract/validate.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { readCbor } from './cbor-read.ts';
import { writeCbor, writeCborValue } from './cbor-write.ts';
import type { Codec } from './codec.ts';

/** Smithy RPC v2 with CBOR: `POST /service/<target prefix>/operation/<operation>`, which newer SDKs prefer to JSON where a service has both. */

const HEADERS = { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' };

export const cborCodec: Codec = {
  decode(service, operation, request) {
    const ref = operation.model.input;
    const body = request.body.length === 0 ? {} : readCbor(request.body);
    if (!ref) return {};
    const { value, problem } = readShape(service, ref, body);
    if (problem !== undefined) throw new ServiceError('SerializationException', problem);
    return value as Record<string, unknown>;
  },
  encode(service, operation, output) {
    const ref = operation.model.output;
    return { status: operation.responseCode, headers: HEADERS, body: ref ? writeCbor(service, ref, output) : '' };
  },
  encodeError(service, error) {
    const modelled = service?.model.shapes[error.code]?.exception === true;
    const type = modelled ? `com.amazonaws.${service.prefix}#${error.code}` : error.code;
    const body = { __type: type, [error.messageMember]: error.message, ...error.members };
    return { status: error.status, headers: HEADERS, body: writeCborValue(body) };
  },
};
