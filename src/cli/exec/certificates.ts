import 'reflect-metadata'; // the certificate library needs it before it is loaded
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createPrivateKey, randomUUID, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { dataPaths } from '../../platform/data-folder.ts';
import { type KeyPair, readKeyPair, writeKeyPair } from '../../platform/key-pair-file.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
const LEAF_DAYS = 30;

/**
 * The certificate authority of a data folder, made at its first use. It signs only names of AWS hosts that `slipway exec` answers, for a
 * proxy on this machine; it is trusted by nothing but the processes that command starts.
 */
export async function authorityOf(folder: string): Promise<KeyPair> {
  const path = join(dataPaths(folder).keys, 'exec-authority.pem');
  return lastingPair(path) ?? writeKeyPair(path, await makeAuthority());
}

/** A certificate for these host names (a leading `*.` is one label), for as long as one command may run. */
export async function issueFor(authority: KeyPair, hosts: readonly string[]): Promise<KeyPair> {
  const issuer = new X509Certificate(authority.certificate);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=Slipway exec',
    issuer: issuer.subject,
    ...validity(LEAF_DAYS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns', value }))),
    ],
  });
  return { certificate: made.toString('pem'), key: await exportKey(keys.privateKey) };
}

async function makeAuthority(): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Slipway exec authority',
    ...validity(AUTHORITY_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificate: made.toString('pem'), key: await exportKey(keys.privateKey) };
}

/** A clock that is a little off must not make a new certificate one of the future. */
const validity = (days: number) => ({
  notBefore: new Date(Date.now() - DAY_MS),
  notAfter: new Date(Date.now() + days * DAY_MS),
});

/** Positive, as the standard asks. */
const serialNumber = (): string => `01${randomUUID().replaceAll('-', '')}`;

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }).toString();
}

const importKey = (pem: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' }), ALGORITHM, false, ['sign']);

/** Undefined when there is none that still lasts; one that does not is gone then. */
function lastingPair(path: string): KeyPair | undefined {
  const pair = readKeyPair(path);
  if (!pair) return undefined;
  if (Date.now() + LEAF_DAYS * DAY_MS < new X509Certificate(pair.certificate).notAfter.getTime()) return pair;
  rmSync(path, { force: true });
  return undefined;
}
