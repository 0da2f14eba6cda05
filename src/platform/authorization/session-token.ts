import { createHmac } from 'node:crypto';
import type { Ids } from '../ids.ts';
import type { Credential, CredentialProblem, TemporaryCredentials } from './port.ts';
import type { Principal } from './principal.ts';
import { openText, sealText } from './signed-and-sealed.ts';

/**
 * Temporary credentials without a row: the session token is the principal itself, sealed with AES-256-GCM under a key of this
 * installation, bound to the access key id; the secret is derived from key and access key id. Whoever has the sealing key
 * (server, router) can open them; nobody else can read or make them.
 */
interface Sealed {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

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
