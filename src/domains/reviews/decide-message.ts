import type { ReviewSettings } from '../../platform/settings.ts';

/** What a message of an issue tracker says about a model package. */
export type Message =
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string }
  | {
      readonly kind: 'verdict';
      readonly packageArn: string;
      readonly region: string;
      readonly verdict: 'Approved' | 'Rejected';
      readonly description: string;
      /** When the issue was moved, by the tracker's clock. */
      readonly sentAtMs: number;
    };

const PACKAGE_ARN = /arn:aws:sagemaker:([a-z0-9-]+):\d{12}:model-package\/[A-Za-z0-9-]+\/\d+/g;
const DESCRIPTION_MAX = 1024;

/**
 * Reads a webhook message in Jira's shape (`jira:issue_updated`: `timestamp`, `issue.key`, `issue.fields`, `changelog.items`, `user`): an issue that was moved to a
 * status which the settings call an approval or a rejection. The description names the one package it is about.
 */
export function parseMessage(payload: unknown, { approved, rejected }: Pick<ReviewSettings, 'approved' | 'rejected'>): Message {
  const event = textAt(payload, 'webhookEvent');
  if (event !== 'jira:issue_updated') return { kind: 'ignored', why: `The event ${event ?? '(none)'} decides nothing.` };
  const status = movedTo(payload);
  if (status === undefined) return { kind: 'ignored', why: 'The issue changed, but not its status.' };
  const isApproved = approved.includes(status);
  if (!isApproved && !rejected.includes(status)) return { kind: 'ignored', why: `The status ${status} decides nothing.` };
  if (isApproved && rejected.includes(status))
    return { kind: 'refused', why: `The status ${status} is called both an approval and a rejection.` };
  const named = new Map(
    [...(textAt(payload, 'issue', 'fields', 'description') ?? '').matchAll(PACKAGE_ARN)].map(([arn, region]) => [arn, region]),
  );
  const [[packageArn, region] = [], ...others] = named;
  if (packageArn === undefined || region === undefined)
    return { kind: 'refused', why: 'The description of the issue names no version of a model package.' };
  if (others.length > 0)
    return { kind: 'refused', why: 'The description of the issue names several versions: it must be about one.' };
  const sentAtMs = valueAt(payload, 'timestamp');
  if (typeof sentAtMs !== 'number' || !Number.isSafeInteger(sentAtMs) || sentAtMs < 0)
    return { kind: 'refused', why: 'The message has no timestamp, in milliseconds: it could be of any time.' };
  const verdict = isApproved ? 'Approved' : 'Rejected';
  const who = textAt(payload, 'user', 'displayName') ?? textAt(payload, 'user', 'name') ?? 'nobody named';
  const description = `${verdict} in ${textAt(payload, 'issue', 'key') ?? 'an issue'} by ${who}`.slice(0, DESCRIPTION_MAX);
  return { kind: 'verdict', packageArn, region, verdict, description, sentAtMs };
}

function valueAt(payload: unknown, ...path: readonly string[]): unknown {
  let value = payload;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function textAt(payload: unknown, ...path: readonly string[]): string | undefined {
  const value = valueAt(payload, ...path);
  return typeof value === 'string' ? value : undefined;
}

/** The status that the change log says the issue was moved to; its `toString` is a member of the message, not the method. */
function movedTo(payload: unknown): string | undefined {
  const items = valueAt(payload, 'changelog', 'items');
  const moved = Array.isArray(items) ? items.find((item) => valueAt(item, 'field') === 'status') : undefined;
  return textAt(moved, 'toString');
}
