import { createHmac, hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { sameText } from './authorization/signed-and-sealed.ts';

/**
 * Whether a webhook's message is signed with the secret, in whatever form its sender knows: GitHub's `X-Hub-Signature-256`; `X-Hub-Signature`
 * with the HMAC that it names (`sha256=…` of Jira and others, `sha1=…` of older GitHub servers); `X-Gitea-Signature`; or GitLab's
 * `X-Gitlab-Token`, which is the secret itself. The first of these that is there decides: a wrong one is not made good by a weaker one. Compared
 * in constant time; an empty secret signs nothing.
 */
export function isHookSigned(headers: IncomingHttpHeaders, body: Uint8Array, secret: string): boolean {
  if (secret === '') return false;
  const hmac = (algorithm: 'sha256' | 'sha1'): string => createHmac(algorithm, secret).update(body).digest('hex');
  const strong = textOf(headers['x-hub-signature-256']);
  if (strong !== undefined) return sameText(`sha256=${hmac('sha256')}`, strong.toLowerCase());
  const hub = textOf(headers['x-hub-signature'])?.toLowerCase();
  if (hub !== undefined) {
    const algorithm = hub.startsWith('sha1=') ? 'sha1' : 'sha256';
    return sameText(`${algorithm}=${hmac(algorithm)}`, hub);
  }
  const gitea = textOf(headers['x-gitea-signature']);
  if (gitea !== undefined) return sameText(hmac('sha256'), gitea.toLowerCase());
  const token = textOf(headers['x-gitlab-token']);
  return token !== undefined && sameText(hash('sha256', secret), hash('sha256', token)); // its length is secret too
}

/** One text for a header, so that one sent twice is there and wrong, and is not passed over. */
const textOf = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'object' ? header.join(', ') : header;
