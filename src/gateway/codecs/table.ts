import type { Protocol } from '../../contract/model.ts';
import { cborCodec } from './cbor.ts';
import type { Codec } from './codec.ts';
import { jsonCodec } from './json.ts';
import { queryCodec } from './query.ts';
import { restJsonCodec } from './rest-json.ts';
import { restXmlCodec } from './rest-xml.ts';

/** Every protocol and what speaks it. `ec2` is an open place: requests in it are answered "not implemented". */
export const codecs: Readonly<Record<Protocol, Codec | undefined>> = {
  json: jsonCodec,
  query: queryCodec,
  'rest-json': restJsonCodec,
  'rest-xml': restXmlCodec,
  ec2: undefined,
  'smithy-rpc-v2-cbor': cborCodec,
};
