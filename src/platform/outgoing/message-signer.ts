import { hash, randomUUID, sign, webcrypto } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { MessageSigner } from '../ports/message-signer.ts';

interface Pair {
  readonly certificate: string;
  readonly key: string;
}

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
const DAY_MS = 86_400_000;
const LIFETIME_DAYS = 3650;

/** A key of the data folder in one file with its certificate, made when first used: most servers sign nothing. */
export function createMessageSigner(path: string): MessageSigner {
  let pair: Promise<Pair> | undefined;
  const opened = () => {
    pair ??= openPair(path);
    pair.catch(() => {
      pair = undefined; // a disk that was full may have room the next time
    });
    return pair;
  };
  return {
    async sign(text, version) {
      const { key } = await opened();
      return sign(version === '1' ? 'sha1' : 'sha256', Buffer.from(text), key).toString('base64');
    },
    certificate: async () => (await opened()).certificate,
    fingerprint: async () => hash('sha256', (await opened()).certificate).slice(0, 32),
  };
}

async function openPair(path: string): Promise<Pair> {
  const found = readPair(path);
  if (found) return found;
  const made = await makePair();
  const temporary = `${path}.${randomUUID()}.tmp`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(temporary, `${made.certificate.trimEnd()}\n${made.key}`, { mode: 0o600, flush: true });
  try {
    linkSync(temporary, path); // whole or not at all, also when the process dies here
  } finally {
    rmSync(temporary, { force: true });
  }
  return made;
}

function readPair(path: string): Pair | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [certificate = '', key = ''] = text.split(/(?=-----BEGIN PRIVATE KEY-----)/);
  return { certificate, key };
}

async function makePair(): Promise<Pair> {
  await import('reflect-metadata'); // the certificate library needs it before it is loaded
  const { X509CertificateGenerator, KeyUsageFlags, KeyUsagesExtension } = await import('@peculiar/x509');
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const made = await X509CertificateGenerator.createSelfSigned({
    serialNumber: `01${randomUUID().replaceAll('-', '')}`,
    name: 'CN=Slipway messages',
    notBefore: new Date(Date.now() - DAY_MS), // a clock that is a little off must not make it one of the future
    notAfter: new Date(Date.now() + LIFETIME_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true)],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = key.match(/.{1,64}/g) ?? [];
  return {
    certificate: made.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`,
  };
}
