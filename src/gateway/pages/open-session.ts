import type { IncomingMessage } from 'node:http';
import type { Credential } from '../../platform/authorization/port.ts';
import { EXPIRY_RECONCILER } from '../../platform/idempotency.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import { EMPTY_SHA256 } from '../signature/canonical.ts';
import { checkClaim, parseClaim, type SignatureClaim } from '../signature/claim.ts';
import { signatureMatches } from '../signature/verify.ts';
import { cookieOf, SESSION_LIFETIME_MS } from './browser-session.ts';
import type { ConsolePorts } from './console-routes.ts';
import { answerNotice, answerText, documentOf, type Exchange, ROOT } from './page-answers.ts';

const LINK_LIFETIME_MS = 300_000;
const NEW_LINK = 'npx slipway ui';

/** The presigned link of `slipway ui`: its signature is checked like any request's, and it works once. */
export async function openSession(ports: ConsolePorts, to: Exchange): Promise<void> {
  const verified = await verifyLink(ports, to.request);
  if (!verified) return refuseLink(to);
  const { credential, claim } = verified;
  if (credential.principal.kind !== 'user') {
    return answerNotice(to, 403, { title: 'Not signed in', message: 'Only a user can sign in, not a session of a role.' });
  }
  if (isForeignNavigation(to.request)) {
    const message = `Another page led here. Go on only if it was you who asked for a link of this server, for ${credential.principal.arn}.`;
    return answerNotice(to, 200, { title: 'Sign in?', message, link: { href: to.request.url ?? '', text: 'Sign in' } });
  }
  if (!(await spendLink(ports, to.request, claim, credential))) return refuseLink(to);
  const expiresAtMs = ports.clock.now() + SESSION_LIFETIME_MS;
  const session = { accessKeyId: claim.accessKeyId, region: claim.scope.region, expiresAtMs };
  const cookie = cookieOf(session, ports.sessionKey, ports.ownUrl());
  // A redirect would be followed in the context of the click, where a SameSite=Strict cookie may stay behind
  const onward = `<meta http-equiv="refresh" content="0;url=${ROOT}">`;
  const page = documentOf('Signed in', `<main class="notice"><a href="${ROOT}">Go on</a></main>`, onward);
  answerText(to, 200, 'text/html; charset=utf-8', page, { 'set-cookie': cookie });
}

function refuseLink(to: Exchange): void {
  const message = 'This link is not valid, or not any more: it works once, within five minutes. Print a new one:';
  answerNotice(to, 403, { title: 'Not signed in', message, command: NEW_LINK });
}

interface VerifiedLink {
  readonly claim: SignatureClaim;
  readonly credential: Credential;
}

async function verifyLink(ports: ConsolePorts, request: IncomingMessage): Promise<VerifiedLink | undefined> {
  const signed = { method: request.method ?? '', target: request.url ?? '', headers: request.headers };
  const claim = parseClaim(signed);
  if ('fault' in claim || claim.kind !== 'query' || claim.scope.service !== 'slipway') return undefined;
  if (checkClaim(claim, request.headers, ports.clock.now())) return undefined;
  if ((claim.expiresAtMs ?? Infinity) - claim.timestampMs > LINK_LIFETIME_MS) return undefined;
  const credential = await ports.identities.credential(claim.accessKeyId, claim.sessionToken);
  if (!credential || 'problem' in credential) return undefined;
  return signatureMatches(claim, credential.secretAccessKey, signed, EMPTY_SHA256) ? { claim, credential } : undefined;
}

/**
 * A click on another site's page, which may have been made to sign this browser in as somebody else. Browsers say where a
 * navigation comes from; typed, pasted and from a terminal it comes from nowhere.
 */
const isForeignNavigation = ({ headers }: IncomingMessage): boolean =>
  !['none', 'same-origin', undefined].includes(headers['sec-fetch-site'] as string | undefined);

/** Records that the link was used; false when it was already. The row goes when the link would have ended anyway. */
async function spendLink(
  ports: ConsolePorts,
  request: IncomingMessage,
  claim: SignatureClaim,
  { principal }: Credential,
): Promise<boolean> {
  const nowMs = ports.clock.now();
  // by its signature: the same parameters in another order are the same link
  const key = { account: principal.account, region: GLOBAL, kind: 'BrowserLink', name: claim.signature };
  const committed = await ports.store.commit({
    expect: [{ key, version: 0 }],
    write: [{ key, document: { accessKeyId: claim.accessKeyId }, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } }],
    timers: [{ reconciler: EXPIRY_RECONCILER, key, dueAtMs: (claim.expiresAtMs ?? nowMs) + LINK_LIFETIME_MS }],
    ledger: [
      {
        timeMs: nowMs,
        account: key.account,
        region: claim.scope.region,
        actor: principal.arn,
        action: 'slipway:OpenBrowserSession',
        outcome: 'done',
        resources: [principal.arn],
        origin: { sourceIp: request.socket.remoteAddress ?? '' },
      },
    ],
  });
  return committed.outcome === 'done';
}
