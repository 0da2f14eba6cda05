import type { Filter } from '../../contract/generated/secretsmanager.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';
import type { Tag } from '../../platform/resources/tags.ts';
import type { SecretDocument } from './resources.ts';

/** Filters of ListSecrets; pure. All filters must hold, one of a filter's values; `!` in front of a value turns it round. */
export function matchesFilters(
  secret: SecretDocument,
  tags: readonly Tag[],
  region: string,
  filters: readonly Filter[],
): boolean {
  return filters.every(({ Key = 'all', Values = [] }) =>
    Values.some((value) =>
      value.startsWith('!')
        ? !matchesValue(secret, tags, region, Key, value.slice(1))
        : matchesValue(secret, tags, region, Key, value),
    ),
  );
}

function matchesValue(secret: SecretDocument, tags: readonly Tag[], region: string, key: string, value: string): boolean {
  switch (key) {
    case 'name':
      return secret.name.startsWith(value);
    case 'description':
      return hasWords(secret.description ?? '', value);
    case 'tag-key':
      return tags.some((tag) => tag.Key.startsWith(value));
    case 'tag-value':
      return tags.some((tag) => tag.Value.startsWith(value));
    case 'primary-region':
      return region.startsWith(value);
    case 'all': {
      const texts = [secret.name, secret.description ?? '', ...tags.flatMap(({ Key, Value }) => [Key, Value])];
      const wanted = words(value);
      return wanted.length > 0 && wanted.every((word) => texts.some((text) => words(text).some((one) => one.startsWith(word))));
    }
    default:
      return false; // no secret here belongs to another service
  }
}

/** Every word of `wanted` begins a word of `text`, whatever the case. */
function hasWords(text: string, wanted: string): boolean {
  const found = words(text);
  return words(wanted).every((word) => found.some((one) => one.startsWith(word)));
}

/** Apart at white space, `/_+=.@-` and where a capital begins a word: `AppBeta` is `app` and `beta`. */
const words = (text: string): string[] =>
  text
    .split(/[\s/_+=.@!-]+|(?=\p{Lu}\p{Ll})/u)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());

export function rejectedFilters(filters: readonly Filter[]): Rejection | undefined {
  for (const { Key, Values } of filters) {
    if (Key === undefined) return { code: 'InvalidParameterException', message: 'Invalid filter key' };
    if (!Values || Values.length === 0) {
      return { code: 'InvalidParameterException', message: `Invalid filter values for key: ${Key}` };
    }
  }
  return undefined;
}
