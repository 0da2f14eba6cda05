import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { payloadPart, streamFault } from './event-stream.ts';

/** Reads a message by the format's description, not by our writer. */
function decode(message: Buffer): { headers: Record<string, string>; payload: Buffer } {
  const total = message.readUInt32BE(0);
  const headBytes = message.readUInt32BE(4);
  assert.equal(total, message.length);
  assert.equal(message.readUInt32BE(8), crc32(message.subarray(0, 8)));
  assert.equal(message.readUInt32BE(total - 4), crc32(message.subarray(0, total - 4)));
  const headers: Record<string, string> = {};
  for (let at = 12; at < 12 + headBytes; ) {
    const nameBytes = message.readUInt8(at);
    const name = message.toString('utf8', at + 1, at + 1 + nameBytes);
    at += 1 + nameBytes;
    assert.equal(message.readUInt8(at), 7);
    const valueBytes = message.readUInt16BE(at + 1);
    headers[name] = message.toString('utf8', at + 3, at + 3 + valueBytes);
    at += 3 + valueBytes;
  }
  return { headers, payload: message.subarray(12 + headBytes, total - 4) };
}

test('a part carries its bytes, whatever they are', () => {
  for (const payload of [Buffer.alloc(0), Buffer.from('a'), Buffer.from([0, 255, 13, 10]), Buffer.alloc(1_000_000, 'x')]) {
    const message = decode(payloadPart(payload));
    assert.deepEqual(message.headers, {
      ':message-type': 'event',
      ':event-type': 'PayloadPart',
      ':content-type': 'application/octet-stream',
    });
    assert.ok(message.payload.equals(payload));
  }
});

test('a fault names its type and says why', () => {
  const { headers, payload } = decode(streamFault('ModelStreamError', { Message: 'half-way', ErrorCode: 'StreamBroken' }));
  assert.deepEqual([headers[':message-type'], headers[':exception-type']], ['exception', 'ModelStreamError']);
  assert.deepEqual(JSON.parse(payload.toString()), { Message: 'half-way', ErrorCode: 'StreamBroken' });
});
