import { createHmac, timingSafeEqual } from 'node:crypto';

/** A signed-in browser: which access key it stands for, until when. Sealed into a cookie, so no row is written. */
export interface BrowserSession {
  readonly accessKeyId: string;
  readonly region: string;
  readonly expiresAtMs: number;
}

const COOKIE = 'slipway_session';
export const SESSION_LIFETIME_MS = 12 * 3_600_000;

/** The Set-Cookie value for a session. `secure` when the server speaks TLS. */
export function cookieOf(session: BrowserSession, key: Uint8Array, secure: boolean): string {
  const payload = Buffer.from(JSON.stringify(session)).toString('base64url');
  const lifetimeSeconds = Math.floor(SESSION_LIFETIME_MS / 1000);
  return `${COOKIE}=${payload}.${sealOf(payload, key)}; Path=/_slipway/ui; HttpOnly; SameSite=Strict; Max-Age=${lifetimeSeconds}` +
    (secure ? '; Secure' : '');
}

/** The session a Cookie header carries; undefined when absent, forged or over. */
export function sessionOf(cookieHeader: string | undefined, key: Uint8Array, nowMs: number): BrowserSession | undefined {
  for (const pair of (cookieHeader ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=');
    const [payload = '', seal = ''] = value.split('.');
    if (name !== COOKIE || !sameSeal(sealOf(payload, key), seal)) continue;
    const session = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as BrowserSession;
    if (session.expiresAtMs > nowMs) return session;
  }
  return undefined;
}

const sealOf = (payload: string, key: Uint8Array): string =>
  createHmac('sha256', key).update(`browser-session:${payload}`).digest('base64url');

function sameSeal(expected: string, given: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)];
  return left.length === right.length && timingSafeEqual(left, right);
}
