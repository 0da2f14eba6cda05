/**
 * CRC-32C and CRC-64/NVME, which Node does not bring. Both are reflected CRCs with all bits inverted at either end.
 * The 64-bit one works on two 32-bit halves: BigInt per byte would be twenty times slower.
 */
const POLYNOMIALS = {
  CRC32: { bits: 32n, reflected: 0xedb88320n },
  CRC32C: { bits: 32n, reflected: 0x82f63b78n },
  CRC64NVME: { bits: 64n, reflected: 0x9a6c9329ac4bc9b5n },
} as const;

export type CrcName = keyof typeof POLYNOMIALS;

interface HalfTables {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

function buildTables(name: CrcName): HalfTables {
  const { reflected } = POLYNOMIALS[name];
  const high = new Uint32Array(256);
  const low = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ reflected : value >> 1n;
    high[byte] = Number(value >> 32n);
    low[byte] = Number(value & 0xffffffffn);
  }
  return { high, low };
}

const tables = new Map<CrcName, HalfTables>();

function tablesOf(name: CrcName): HalfTables {
  const found = tables.get(name) ?? buildTables(name);
  tables.set(name, found);
  return found;
}

/** A running CRC over chunks. `digest` is big-endian bytes. */
export interface RunningCrc {
  update(chunk: Uint8Array): void;
  digest(): Buffer;
}

export function runningCrc(name: 'CRC32C' | 'CRC64NVME'): RunningCrc {
  const { high: highTable, low: lowTable } = tablesOf(name);
  const isWide = name === 'CRC64NVME';
  let high = isWide ? 0xffffffff : 0;
  let low = 0xffffffff;
  return {
    update(chunk) {
      for (let at = 0; at < chunk.length; at += 1) {
        const index = (low ^ (chunk[at] as number)) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ (lowTable[index] as number);
        high = (high >>> 8) ^ (highTable[index] as number);
      }
    },
    digest() {
      const bytes = Buffer.alloc(isWide ? 8 : 4);
      if (isWide) bytes.writeUInt32BE(~high >>> 0, 0);
      bytes.writeUInt32BE(~low >>> 0, isWide ? 4 : 0);
      return bytes;
    },
  };
}

/**
 * The CRC of two byte strings joined, from their CRCs and the length of the second: the first is advanced over that many
 * zero bytes, i.e. multiplied by x^(8·length) modulo the polynomial.
 */
export function combinedCrc(name: CrcName, first: bigint, second: bigint, secondSizeBytes: number): bigint {
  const { bits, reflected } = POLYNOMIALS[name];
  const multiply = (a: bigint, b: bigint): bigint => {
    let product = 0n;
    let factor = b;
    for (let bit = bits - 1n; bit >= 0n; bit -= 1n) {
      if ((a >> bit) & 1n) product ^= factor;
      factor = factor & 1n ? (factor >> 1n) ^ reflected : factor >> 1n;
    }
    return product;
  };
  // Reflected: the highest bit is x^0, so x^8 is the bit eight below it.
  let power = 1n << (bits - 9n);
  let shift = 1n << (bits - 1n);
  for (let left = BigInt(secondSizeBytes); left > 0n; left >>= 1n) {
    if (left & 1n) shift = multiply(shift, power);
    power = multiply(power, power);
  }
  return multiply(first, shift) ^ second;
}
