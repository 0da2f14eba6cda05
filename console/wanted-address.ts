/**
 * Part of the page that asks to sign in, and nothing more of the console: it keeps which page was wanted, so that signing in leads there. A
 * link in a message thus ends where it points, by way of the sign-in; opening a page changes nothing.
 */
const KEY = 'slipway-wanted';
const KEPT_MS = 15 * 60_000;

/** The page to open now that somebody is signed in; it is told once. */
export function takeWanted(nowMs = Date.now()): string {
  const [atMs = '', hash = ''] = (localStorage.getItem(KEY) ?? '').split(' ');
  localStorage.removeItem(KEY);
  sessionStorage.removeItem(KEY);
  return hash.startsWith('#/') && nowMs - Number(atMs) < KEPT_MS ? hash : '';
}

export function keepAddress(): void {
  if (/^#\/[^ ]*$/.test(location.hash)) localStorage.setItem(KEY, `${Date.now()} ${location.hash}`);
}

/**
 * Remembers the address. Whoever followed a link from elsewhere may be signed in all the same: the browser leaves the session's cookie out
 * of such a request, but not out of one that this page makes itself.
 */
export async function keepWanted(): Promise<void> {
  keepAddress();
  const { ok } = await fetch('/_slipway/ui/identity');
  if (!ok || sessionStorage.getItem(KEY)) return;
  sessionStorage.setItem(KEY, 'tried'); // once: a server that says yes here and no there must not be asked for ever
  location.reload();
}
