import { createHmac } from 'node:crypto';
import { sameText } from '../signature/verify.ts';

/** A signed-in browser: which access key it stands for, until when. Sealed into a cookie, so no row is written. */
export interface BrowserSession {
  readonly accessKeyId: string;
  readonly region: string;
  readonly expiresAtMs: number;
}

export const SESSION_LIFETIME_MS = 12 * 3_600_000;

/** Cookies are shared by all ports of a host: with the port in the name, two servers do not sign each other's user out. */
const cookieName = (own: URL): string => `slipway_session_${own.port || own.protocol.replace(':', '')}`;

/** The Set-Cookie value for a session at the server that is known as `own`. */
export function cookieOf(session: BrowserSession, key: Uint8Array, own: URL): string {
  const payload = Buffer.from(JSON.stringify(session)).toString('base64url');
  const lifetimeSeconds = Math.floor(SESSION_LIFETIME_MS / 1000);
  const attributes = `Path=/_slipway/ui; HttpOnly; SameSite=Strict; Max-Age=${lifetimeSeconds}`;
  return `${cookieName(own)}=${payload}.${sealOf(payload, key)}; ${attributes}${own.protocol === 'https:' ? '; Secure' : ''}`;
}

/** The session a Cookie header carries; undefined when absent, forged or over. */
export function sessionOf(
  cookieHeader: string | undefined,
  key: Uint8Array,
  own: URL,
  nowMs: number,
): BrowserSession | undefined {
  const wanted = cookieName(own);
  for (const pair of (cookieHeader ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=');
    const [payload = '', seal = ''] = value.split('.');
    if (name !== wanted || !sameText(sealOf(payload, key), seal)) continue;
    const session = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as BrowserSession;
    if (session.expiresAtMs > nowMs) return session;
  }
  return undefined;
}

const sealOf = (payload: string, key: Uint8Array): string =>
  createHmac('sha256', key).update(`browser-session:${payload}`).digest('base64url');
