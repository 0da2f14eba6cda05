import { openToken, signToken } from '../../platform/authorization/signed-and-sealed.ts';

/** A signed-in browser: which access key it stands for, until when. Signed into a cookie, so no row is written. */
export interface BrowserSession {
  readonly accessKeyId: string;
  readonly region: string;
  readonly expiresAtMs: number;
}

export const SESSION_LIFETIME_MS = 12 * 3_600_000;
const TOKEN_PURPOSE = 'browser-session';

/** Cookies are shared by all ports of a host: with the port in the name, two servers do not sign each other's user out. */
const cookieName = (own: URL): string => `slipway_session_${own.port || own.protocol.replace(':', '')}`;

/** The Set-Cookie value for a session at the server that is known as `own`. */
export function cookieOf(session: BrowserSession, key: Uint8Array, own: URL): string {
  const lifetimeSeconds = Math.floor(SESSION_LIFETIME_MS / 1000);
  const attributes = `Path=/_slipway/ui; HttpOnly; SameSite=Strict; Max-Age=${lifetimeSeconds}`;
  return `${cookieName(own)}=${signToken(key, TOKEN_PURPOSE, session)}; ${attributes}${own.protocol === 'https:' ? '; Secure' : ''}`;
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
    const session = name === wanted ? openToken<BrowserSession>(key, TOKEN_PURPOSE, value) : undefined;
    if (session && session.expiresAtMs > nowMs) return session;
  }
  return undefined;
}
