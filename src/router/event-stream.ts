import { crc32 } from 'node:zlib';

/**
 * AWS's event stream (`application/vnd.amazon.eventstream`): each message is its length, that of its headers, a checksum of both, the headers,
 * the payload, and a checksum of all. Integers are big-endian.
 */
export const EVENT_STREAM = 'application/vnd.amazon.eventstream';

const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
const STRING_TYPE = 7;

function encodeMessage(headers: Readonly<Record<string, string>>, payload: Buffer): Buffer {
  const head = encodeHeaders(headers);
  const total = PRELUDE_BYTES + head.length + payload.length + CHECKSUM_BYTES;
  const message = Buffer.allocUnsafe(total);
  message.writeUInt32BE(total, 0);
  message.writeUInt32BE(head.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  head.copy(message, PRELUDE_BYTES);
  payload.copy(message, PRELUDE_BYTES + head.length);
  message.writeUInt32BE(crc32(message.subarray(0, total - CHECKSUM_BYTES)), total - CHECKSUM_BYTES);
  return message;
}

function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const text = Buffer.from(value);
    const lengths = Buffer.from([STRING_TYPE, text.length >> 8, text.length & 0xff]);
    parts.push(Buffer.from([name.length]), Buffer.from(name), lengths, text);
  }
  return Buffer.concat(parts);
}

/** A piece of the container's answer. */
export const payloadPart = (part: Buffer): Buffer =>
  encodeMessage({ ':message-type': 'event', ':event-type': 'PayloadPart', ':content-type': 'application/octet-stream' }, part);

/** How a stream ends that cannot end well. */
export const streamFault = (
  type: 'ModelStreamError' | 'InternalStreamFailure',
  members: { readonly Message: string; readonly ErrorCode?: string },
): Buffer =>
  encodeMessage(
    { ':message-type': 'exception', ':exception-type': type, ':content-type': 'application/json' },
    Buffer.from(JSON.stringify(members)),
  );
