import type { ParameterStringFilter } from '../../contract/generated/ssm.ts';
import { invalid, type Rejection } from '../../platform/errors/rejection.ts';
import type { Tag } from '../../platform/resources/tags.ts';
import { type ParameterDocument, plainName } from './resources.ts';

/** Filters of DescribeParameters and GetParametersByPath; pure. */

const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  Path: ['Recursive', 'OneLevel'],
  Name: ['BeginsWith', 'Equals'],
};
const VALUES: Readonly<Record<string, readonly string[]>> = {
  Tier: ['Standard', 'Advanced', 'Intelligent-Tiering'],
  Type: ['String', 'StringList', 'SecureString'],
};

/** `keys` are those the operation takes besides `tag:…`. */
export function rejectedFilters(filters: readonly ParameterStringFilter[], keys: readonly string[]): Rejection | undefined {
  const seen = new Set<string>();
  for (const filter of filters) {
    const { Key } = filter;
    if (!keys.includes(Key) && !(Key.startsWith('tag:') && keys.includes('tag'))) {
      const shown = keys.filter((key) => !['Label', 'DataType', 'tag'].includes(key)).join(', ');
      return {
        code: 'InvalidFilterKey',
        message: `The following filter key is not valid: ${Key}. Valid filter keys include: [${shown}].`,
      };
    }
    if (seen.has(Key)) {
      return invalid(
        `The following filter is duplicated in the request: ${Key}. A request can contain only one occurrence of a specific filter.`,
      );
    }
    seen.add(Key);
    const rejection = rejectedFilter(filter);
    if (rejection) return rejection;
  }
  return undefined;
}

function rejectedFilter({ Key, Option, Values }: ParameterStringFilter): Rejection | undefined {
  if (!Values && !Key.startsWith('tag:')) {
    return { code: 'InvalidFilterValue', message: `The following filter values are missing : null for filter key ${Key}` };
  }
  const options = OPTIONS[Key] ?? ['BeginsWith', 'Equals'];
  if (Option !== undefined && !options.includes(Option) && !(Key === 'Name' && Option === 'Contains')) {
    return {
      code: 'InvalidFilterOption',
      message: `The following filter option is not valid: ${Option}. Valid options include: [${options.join(', ')}].`,
    };
  }
  if (Key === 'Path') return rejectedPaths(Values ?? []);
  const known = VALUES[Key];
  const wrong = known && Option !== 'BeginsWith' ? Values?.find((value) => !known.includes(value)) : undefined;
  if (wrong === undefined) return undefined;
  return {
    code: 'InvalidFilterValue',
    message: `The following filter value is not valid: ${wrong}. Valid values include: [${known?.join(', ')}]`,
  };
}

function rejectedPaths(paths: readonly string[]): Rejection | undefined {
  for (const path of paths) {
    if (/^\/?(aws|ssm)\b/i.test(path)) {
      return invalid('Filters for common parameters can\'t be prefixed with "aws" or "ssm" (case-insensitive).');
    }
    const rejection = rejectedPath(path);
    if (rejection) return rejection;
  }
  return undefined;
}

export function rejectedPath(path: string): Rejection | undefined {
  if (/^\/(?:[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*\/?)?$/.test(path)) return undefined;
  return invalid(
    'The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can\'t be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.',
  );
}

/** Whether `name` lies below `path`; one level means directly below it. A name without a slash lies below the root. */
export function isBelow(name: string, path: string, recursive: boolean): boolean {
  const full = name.startsWith('/') ? name : `/${name}`;
  const folder = path.endsWith('/') ? path : `${path}/`;
  return full.startsWith(folder) && (recursive || !full.slice(folder.length).includes('/'));
}

/** `tags` are needed for filters by tag only. */
export function matchesFilters(
  document: ParameterDocument,
  filters: readonly ParameterStringFilter[],
  tags: readonly Tag[] = [],
): boolean {
  return filters.every(({ Key, Option = 'Equals', Values = [] }) => {
    if (Key === 'Path') return Values.some((path) => isBelow(document.name, path, Option === 'Recursive'));
    if (Key === 'Label') return Object.keys(document.labels).some((label) => Values.includes(label));
    if (Key === 'Name') return Values.some((value) => matchesName(document.name, Option, value));
    if (Key.startsWith('tag:')) {
      const tag = tags.find((one) => one.Key === Key.slice('tag:'.length));
      return tag !== undefined && (Values.length === 0 || matchesText(tag.Value, Option, Values));
    }
    const value = { Type: document.type, KeyId: document.keyId, Tier: document.tier, DataType: document.dataType }[Key];
    return value !== undefined && matchesText(value, Option, Values);
  });
}

/** A slash in front of a value stands for the start of a name, whether the name has one or not. */
const matchesName = (name: string, option: string, value: string): boolean => {
  const plain = plainName(name);
  return matchesText(value.startsWith('/') ? `/${plain}` : plain, option, [value]);
};

const matchesText = (text: string, option: string, values: readonly string[]): boolean =>
  values.some((value) => {
    if (option === 'BeginsWith') return text.startsWith(value);
    return option === 'Contains' ? text.includes(value) : text === value;
  });

export const needsTags = (filters: readonly ParameterStringFilter[]): boolean =>
  filters.some(({ Key }) => Key.startsWith('tag:'));
