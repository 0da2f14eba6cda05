import { hash, randomUUID, sign, webcrypto } from 'node:crypto';
import { type KeyPair, readKeyPair, writeKeyPair } from '../key-pair-file.ts';
import type { MessageSigner } from '../ports/message-signer.ts';

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
const DAY_MS = 86_400_000;
const LIFETIME_DAYS = 3650;

/** A key of the data folder in one file with its certificate, made when first used: most servers sign nothing. */
export function createMessageSigner(path: string): MessageSigner {
  let pair: Promise<KeyPair> | undefined;
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

const openPair = async (path: string): Promise<KeyPair> => readKeyPair(path) ?? writeKeyPair(path, await makePair());

async function makePair(): Promise<KeyPair> {
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
