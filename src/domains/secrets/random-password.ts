import type { GetRandomPasswordRequest } from '../../contract/generated/secretsmanager.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { Ids } from '../../platform/ids.ts';

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
const LENGTH_DEFAULT = 32;

/** As AWS makes them: each kind of character that is not excluded occurs at least once, unless the caller does not ask for that. */
export function randomPassword(ids: Pick<Ids, 'bytes'>, input: GetRandomPasswordRequest): string {
  const length = input.PasswordLength ?? LENGTH_DEFAULT;
  const excluded = new Set(input.ExcludeCharacters ?? '');
  const kinds = [
    input.ExcludeLowercase ? '' : LOWER,
    input.ExcludeUppercase ? '' : LOWER.toUpperCase(),
    input.ExcludeNumbers ? '' : DIGITS,
    input.ExcludePunctuation ? '' : PUNCTUATION,
  ].map((kind) => [...kind].filter((char) => !excluded.has(char)).join(''));
  const required = input.RequireEachIncludedType === false ? [] : kinds.filter((kind) => kind !== '');
  const all = kinds.join('') + (input.IncludeSpace && !excluded.has(' ') ? ' ' : '');
  if (all === '') {
    throw new ServiceError('InvalidParameterException', 'Every character is excluded: there is nothing to make a password of.');
  }
  if (length < required.length) {
    throw new ServiceError(
      'InvalidParameterException',
      `Password length is too short based on the required types: ${length} characters cannot hold ${required.length} kinds.`,
    );
  }
  const chars = [...required, ...Array<string>(length - required.length).fill(all)].map(
    (from) => from[below(ids, from.length)] ?? '',
  );
  for (let at = chars.length - 1; at > 0; at -= 1) {
    const other = below(ids, at + 1);
    [chars[at], chars[other]] = [chars[other] ?? '', chars[at] ?? ''];
  }
  return chars.join('');
}

/** Evenly from 0 to `limit` - 1: draws beyond the last whole multiple are made again. */
function below(ids: Pick<Ids, 'bytes'>, limit: number): number {
  const end = 65_536 - (65_536 % limit);
  for (;;) {
    const [high = 0, low = 0] = ids.bytes(2);
    const drawn = high * 256 + low;
    if (drawn < end) return drawn % limit;
  }
}
