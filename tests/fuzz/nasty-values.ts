import { pickFrom, type Random } from '../../src/contract/generate-text.ts';

/** Values that programs trip over, though nothing is wrong with them as such. */

const TEXTS: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'x\udfffy',
  '\ud83d\ude00'.repeat(8),
  'a\u0301\u202e\ufeff',
  '\uffff\ufffe',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  '-0',
  '0',
  '1e309',
  '99999999999999999999',
  'true',
  '{}',
  '[]',
  '{"__proto__":{"polluted":true}}',
  '[[[[[[[[',
  '"',
  "'; DROP TABLE resource; --",
  '%00%0a%0d',
  '%',
  '\r\nx-injected: 1',
  '../../../../etc/passwd',
  '/',
  '//',
  '.',
  '..',
  '*',
  '?',
  '${aws:username}',
  '${',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  ']]>',
  '<![CDATA[x]]>',
  '(a+)+$',
  '\\',
  '1970-01-01T00:00:00Z',
  '+275760-09-13T00:00:00.000Z',
  's3://',
  's3:///',
  's3://a/../b',
  's3://sagemaker-us-east-1-123456789012/',
  's3://sagemaker-us-east-1-123456789012/none',
  'arn:aws:iam::123456789012:role/none',
  'arn:aws:iam::999999999999:role/other',
  'arn:aws:s3:::',
  'arn:::::',
  'arn:aws:sagemaker:us-east-1:123456789012:pipeline/none/execution/0',
  'arn:aws:lambda:us-east-1:123456789012:function:none:$LATEST',
  'http://127.0.0.1:1/',
  'file:///etc/passwd',
  'ﷺ'.repeat(20),
  'é',
  'İ',
  'ß',
];

export function nastyText(random: Random): string {
  const choice = random();
  if (choice < 0.05) return 'a'.repeat(Math.floor(random() * 70_000));
  if (choice < 0.1) return '\ud83d\ude00'.repeat(Math.floor(random() * 2_000));
  return pickFrom(TEXTS, random) ?? '';
}

const NUMBERS: readonly number[] = [
  0,
  -0,
  -1,
  1,
  0.5,
  1e-320,
  255,
  65_536,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 31,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  1e21,
  1e300,
  8.64e12,
  8.64e15,
];
export const nastyNumber = (random: Random): number => pickFrom(NUMBERS, random) ?? 0;

/** Epoch seconds at the ends of what a time can be, and of what people write by mistake. */
const SECONDS: readonly number[] = [0, 1, -1, -62_135_596_800, 253_402_300_799, 1.5, 1_700_000_000_000, 8.64e12, -8.64e12];
export const nastySeconds = (random: Random): number => pickFrom(SECONDS, random) ?? 0;

/** Any JSON value. */
export function nastyValue(random: Random): unknown {
  const choice = random();
  if (choice < 0.4) return nastyText(random);
  if (choice < 0.6) return nastyNumber(random);
  return pickFrom([null, true, false, [], {}, [null], [[]], { a: null }, [1, 'a', null], { __proto__: null }, {}], random);
}

/** A JSON tree with something wrong in one to three places; shared where it is unchanged. */
export function mutateTree(tree: unknown, random: Random): unknown {
  let mutated = tree;
  for (let turn = 1 + Math.floor(random() * 3); turn > 0; turn -= 1) mutated = mutateOnce(mutated, random, 0);
  return mutated;
}

const DEEPER = 0.75;

function mutateOnce(value: unknown, random: Random, depth: number): unknown {
  if (Array.isArray(value) && value.length > 0 && (depth === 0 || random() < DEEPER)) {
    const place = Math.floor(random() * value.length);
    const choice = random();
    if (choice < 0.1) return value.filter((_, i) => i !== place);
    if (choice < 0.2) return [...value, value[place]];
    return value.map((item, i) => (i === place ? mutateOnce(item, random, depth + 1) : item));
  }
  const names = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  const name = pickFrom(names, random);
  if (name !== undefined && (depth === 0 || random() < DEEPER)) return mutateMember(value as object, name, random, depth);
  return nastyValue(random);
}

function mutateMember(value: object, name: string, random: Random, depth: number): object {
  const choice = random();
  const entries = Object.entries(value);
  if (choice < 0.1) return Object.fromEntries(entries.filter(([key]) => key !== name));
  if (choice < 0.15) return Object.fromEntries([...entries, [nastyText(random), nastyValue(random)]]);
  if (choice < 0.2) return Object.fromEntries(entries.map(([key, item]) => [key === name ? nastyText(random) : key, item]));
  return Object.fromEntries(entries.map(([key, item]) => [key, key === name ? mutateOnce(item, random, depth + 1) : item]));
}
