import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { combinedCrc, runningCrc } from './crc.ts';

const crcHex = (name: 'CRC32C' | 'CRC64NVME', ...chunks: Uint8Array[]): string => {
  const crc = runningCrc(name);
  for (const chunk of chunks) crc.update(chunk);
  return crc.digest().toString('hex');
};

test('the check values of the published CRC catalogue', () => {
  assert.equal(crcHex('CRC32C', Buffer.from('123456789')), 'e3069283');
  assert.equal(crcHex('CRC64NVME', Buffer.from('123456789')), 'ae8b14860a799888');
  assert.equal(crcHex('CRC32C'), '00000000');
});

test('combining two CRCs gives that of the joined bytes', () => {
  const first = Buffer.from('the first part');
  const second = Buffer.from('and a second one of another length');
  for (const name of ['CRC32C', 'CRC64NVME'] as const) {
    const combined = combinedCrc(name, BigInt(`0x${crcHex(name, first)}`), BigInt(`0x${crcHex(name, second)}`), second.length);
    assert.equal(combined, BigInt(`0x${crcHex(name, first, second)}`), name);
  }
  assert.equal(
    combinedCrc('CRC32', BigInt(crc32(first)), BigInt(crc32(second)), second.length),
    BigInt(crc32(Buffer.concat([first, second]))),
  );
});
