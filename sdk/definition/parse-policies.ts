import { LIMITS, RETRY_EXCEPTIONS } from './language.ts';
import { entriesOf, show, suggest } from './problems.ts';
import type { Place, Reading } from './reader.ts';
import { complain, readFlag, readKeys, readList, readNumber, readObject, within } from './reader.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const DURATION =
  /^p?(?:(\d{1,6})y)?(?:(\d{1,6})m)?(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:t(?:(\d{1,8})h)?(?:(\d{1,8})m)?(?:(\d{1,9}(?:\.\d{1,9})?)s)?)?$/i;

/**
 * Milliseconds of a duration in ISO 8601 (`P30D`, `PT1H30M`) or AWS's shorthand without the P, any case (`30d`, `T16m`). A year counts 365
 * days, a month 30. Undefined when the text is none, or is zero long.
 */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (!match || /t$/i.test(text)) return undefined;
  const part = (index: number) => Number(match[index] ?? 0);
  const days = part(1) * 365 + part(2) * 30 + part(3) * 7 + part(4);
  const totalMs = days * DAY_MS + part(5) * HOUR_MS + part(6) * MINUTE_MS + part(7) * 1000;
  return totalMs > 0 ? totalMs : undefined;
}

export function readCacheConfig(to: Reading, value: unknown, place: Place): undefined {
  const config = readObject(to, value, place, 'CacheConfig');
  if (!config) return;
  readKeys(to, config, place, 'CacheConfig', ['Enabled', 'ExpireAfter'], ['Enabled']);
  if (config['Enabled'] !== undefined) readFlag(to, config['Enabled'], within(place, '.Enabled'), 'Enabled');
  if (config['Enabled'] !== true) return;
  const expiry = config['ExpireAfter'];
  const form = 'Give an ISO 8601 duration such as P30D or PT1H, or the shorthand 30d or T16m';
  if (expiry === undefined || expiry === null) {
    complain(to, place, `CacheConfig is enabled without 'ExpireAfter'. ${form}.`);
  } else if (typeof expiry !== 'string' || parseDuration(expiry) === undefined) {
    complain(to, within(place, '.ExpireAfter'), `ExpireAfter ${show(expiry)} is no duration. ${form}.`);
  }
}

export function readRetryPolicies(to: Reading, value: unknown, place: Place): undefined {
  const policies = readList(to, value, place, 'RetryPolicies');
  for (const [index, policy] of entriesOf(to, policies)) readRetryPolicy(to, policy, within(place, `[${index}]`));
}

const POLICY_KEYS = ['ExceptionType', 'BackoffRate', 'IntervalSeconds', 'MaxAttempts', 'ExpireAfterMin'];

function readRetryPolicy(to: Reading, value: unknown, place: Place): undefined {
  const policy = readObject(to, value, place, 'A retry policy');
  if (!policy) return;
  readKeys(to, policy, place, 'the retry policy', POLICY_KEYS, ['ExceptionType']);
  const given = (key: string) => policy[key] !== undefined && policy[key] !== null;
  const number = (key: string, rule: { min: number; max?: number; whole?: boolean }) => {
    if (given(key)) readNumber(to, policy[key], within(place, `.${key}`), key, rule);
  };
  number('BackoffRate', { min: 0 });
  number('IntervalSeconds', { min: 0, max: LIMITS.retryIntervalSeconds, whole: true });
  number('MaxAttempts', { min: 0, max: LIMITS.retryAttempts, whole: true });
  number('ExpireAfterMin', { min: 0, max: LIMITS.retryExpireAfterMin, whole: true });
  if (given('MaxAttempts') && given('ExpireAfterMin')) {
    complain(to, place, 'A retry policy may have MaxAttempts or ExpireAfterMin, not both. Remove one.');
  }
  if (given('ExceptionType')) readExceptionTypes(to, policy['ExceptionType'], within(place, '.ExceptionType'));
}

function readExceptionTypes(to: Reading, value: unknown, place: Place): undefined {
  const types = readList(to, value, place, 'ExceptionType');
  if (types?.length === 0) complain(to, place, `ExceptionType is empty. Name at least one of ${RETRY_EXCEPTIONS.join(', ')}.`);
  for (const [index, type] of entriesOf(to, types)) {
    if (typeof type === 'string' && (RETRY_EXCEPTIONS as readonly string[]).includes(type)) continue;
    const hint = typeof type === 'string' ? suggest(to, type, RETRY_EXCEPTIONS) : ` Known: ${RETRY_EXCEPTIONS.join(', ')}.`;
    complain(to, within(place, `[${index}]`), `${show(type)} is no exception type that can be retried.${hint}`);
  }
}
