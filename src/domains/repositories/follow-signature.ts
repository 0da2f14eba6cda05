import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Whether a message is signed with the secret: GitHub's `X-Hub-Signature-256` (others send it as `X-Hub-Signature` or
 * `X-Gitea-Signature`), or GitLab's `X-Gitlab-Token`. Compared in constant time; an empty secret signs nothing.
 */
export function isSigned(headers: Readonly<Record<string, string | undefined>>, body: Uint8Array, secret: string): boolean {
  if (secret === '') return false;
  const expected = createHmac('sha256', secret).update(body).digest('hex');
  const hub = headers['x-hub-signature-256'] ?? headers['x-hub-signature'];
  if (hub !== undefined) return sameText(`sha256=${expected}`, hub.toLowerCase());
  const gitea = headers['x-gitea-signature'];
  if (gitea !== undefined) return sameText(expected, gitea.toLowerCase());
  const token = headers['x-gitlab-token'];
  return token !== undefined && sameText(secret, token);
}

/** By digests, so that neither content nor length shows in the time it takes. */
function sameText(expected: string, given: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}
