import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { Ids } from '../ids.ts';
import type { Credential, CredentialProblem, TemporaryCredentials } from './port.ts';
import type { Principal } from './principal.ts';

/**
 * Temporary credentials without a row: the session token is the principal itself, sealed with AES-256-GCM under a key of this
 * installation, bound to the access key id; the secret is derived from key and access key id. Whoever has the sealing key
 * (server, router) can open them; nobody else can read or make them.
 */
interface Sealed {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

/** First byte of a token, so that a later form can be told apart. */
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** `length` characters as AWS ids have after their prefix. */
export function idText(ids: Pick<Ids, 'bytes'>, length: number): string {
  let text = '';
  for (const byte of ids.bytes(length)) text += BASE32[byte & 31];
  return text;
}

export function sealSession(
  sealingKey: string,
  principal: Principal,
  expiresAtMs: number,
  ids: Pick<Ids, 'bytes'>,
): TemporaryCredentials {
  const accessKeyId = `ASIA${idText(ids, 16)}`;
  const { accessKeyId: _old, ...rest } = principal;
  const sealed: Sealed = { principal: rest, expiresAtMs };
  return {
    accessKeyId,
    secretAccessKey: secretOf(sealingKey, accessKeyId),
    sessionToken: sealText(sealingKey, JSON.stringify(sealed), accessKeyId, ids),
    expiresAtMs,
  };
}

/** Secret and principal of a session, or why the token does not count. */
export function openSessionToken(
  sealingKey: string,
  accessKeyId: string,
  sessionToken: string,
  nowMs: number,
): { readonly credential: Credential; readonly expiresAtMs: number } | CredentialProblem {
  const text = openText(sealingKey, sessionToken, accessKeyId);
  if (text === undefined) return { problem: 'invalid-token' };
  const { principal, expiresAtMs } = JSON.parse(text) as Sealed;
  if (expiresAtMs <= nowMs) return { problem: 'expired' };
  return {
    credential: { secretAccessKey: secretOf(sealingKey, accessKeyId), principal: { ...principal, accessKeyId } },
    expiresAtMs,
  };
}

const secretOf = (sealingKey: string, accessKeyId: string): string =>
  createHmac('sha256', Buffer.from(sealingKey, 'hex')).update(`session secret ${accessKeyId}`).digest('base64').slice(0, 40);

/** Sealed text, base64url: version, nonce, ciphertext, tag. `boundTo` must be given again to open it. */
export function sealText(sealingKey: string, text: string, boundTo: string, ids: Pick<Ids, 'bytes'>): string {
  const nonce = ids.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(sealingKey, 'hex'), nonce);
  cipher.setAAD(Buffer.from(boundTo));
  const body = [cipher.update(text, 'utf8'), cipher.final()];
  return Buffer.concat([Uint8Array.of(VERSION), nonce, ...body, cipher.getAuthTag()]).toString('base64url');
}

/** Undefined for whatever was not sealed with this key for `boundTo`. */
export function openText(sealingKey: string, sealed: string, boundTo: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(sealingKey, 'hex'), bytes.subarray(1, 1 + NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(boundTo));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch {
    return undefined; // the tag does not fit: forged, damaged, or sealed for another access key
  }
}
