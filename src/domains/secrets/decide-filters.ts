import type { Filter } from '../../contract/generated/secretsmanager.ts';
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
      return words(value).some((word) => texts.some((text) => hasWords(text, word)));
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

const words = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[\s/_+=.@!-]+/)
    .filter((word) => word !== '');
