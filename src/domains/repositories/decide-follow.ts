import type { Rejection } from '../../platform/errors/rejection.ts';
import type { Tag } from '../../platform/resources/tags.ts';

/** What the tags of a repository say besides being tags. Pure. */

export interface TagSettings {
  readonly follow?: { readonly url: string; readonly secret?: string; readonly intervalSeconds: number };
  readonly protected?: readonly string[];
}

const INTERVAL_SECONDS = 300;
const INTERVAL_SECONDS_MIN = 10;

const badTag = (message: string): Rejection => ({ code: 'InvalidTagsMapException', message });

export function parseTagSettings(tags: readonly Tag[]): TagSettings | Rejection {
  const of = (key: string) => tags.find(({ Key }) => Key === `slipway:${key}`)?.Value;
  const branches = (of('protected') ?? '').split(/[\s,]+/).filter(Boolean);
  const address = of('follow');
  const settings: TagSettings = branches.length > 0 ? { protected: branches } : {};
  if (address === undefined || address === '') return settings;
  const why = rejectRemote(address);
  if (why !== undefined) return badTag(`Tag slipway:follow: ${why}`);
  const seconds = of('follow-seconds');
  if (seconds !== undefined && !(/^\d{1,7}$/.test(seconds) && Number(seconds) >= INTERVAL_SECONDS_MIN)) {
    return badTag(`Tag slipway:follow-seconds: "${seconds}" is no number of seconds from ${INTERVAL_SECONDS_MIN} on.`);
  }
  const secret = of('follow-secret');
  const intervalSeconds = seconds === undefined ? INTERVAL_SECONDS : Number(seconds);
  return { ...settings, follow: { url: address, intervalSeconds, ...(secret !== undefined && secret !== '' && { secret }) } };
}

/** Why an address is not fetched from: only http and https, which run no program and read no file of this machine. */
function rejectRemote(address: string): string | undefined {
  const url = /^https?:\/\/[\x21-\x7e]+$/.test(address) ? URL.parse(address) : null;
  if (!url) return `"${address.slice(0, 200)}" is no http:// or https:// address; other ways to fetch are refused.`;
  if (url.username !== '' || url.password !== '') {
    return 'the address holds credentials. Put them into a secret of Secrets Manager and name it in slipway:follow-secret.';
  }
  return undefined;
}

export interface FollowSecret {
  readonly webhook?: string;
  readonly username?: string;
  readonly password?: string;
}

/** A secret's text: JSON with `webhook`, `username`, `password`, or the webhook's secret alone. */
export function parseFollowSecret(text: string): FollowSecret {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return { webhook: text }; // a bare secret, as a form for webhooks shows it
  }
  if (typeof found !== 'object' || found === null) return { webhook: text };
  const members = Object.entries(found).filter(
    ([name, value]) => ['webhook', 'username', 'password'].includes(name) && typeof value === 'string',
  );
  return Object.fromEntries(members);
}
