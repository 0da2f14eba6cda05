import type { Expectation } from './environments.ts';

const COMPARISONS: Record<Expectation['operator'], (left: never, right: never) => boolean> = {
  Equals: (left, right) => left === right,
  GreaterThan: (left, right) => left > right,
  GreaterThanOrEqualTo: (left, right) => left >= right,
  LessThan: (left, right) => left < right,
  LessThanOrEqualTo: (left, right) => left <= right,
};

/** The expectations that an endpoint's answer does not meet, in words. The template's deploy.py judges alike. */
export function unmetExpectations(expect: readonly Expectation[], text: string, contentType: string): string[] {
  return expect.flatMap(({ path, operator, value }) => {
    const found = valueAt(text, contentType, path);
    const comparable = operator === 'Equals' ? found !== undefined : typeof found === typeof value && found !== undefined;
    if (comparable && COMPARISONS[operator](found as never, value as never)) return [];
    return [`${path} is ${found === undefined ? 'nothing' : JSON.stringify(found)}, expected ${operator} ${value}`];
  });
}

/** By dotted path in JSON, by column in the first line of anything else; numbers as numbers. */
function valueAt(text: string, contentType: string, path: string): unknown {
  if (!contentType.includes('json')) return asNumber(text.trim().split(/\r?\n/)[0]?.split(',')[Number(path)]);
  try {
    let value: unknown = JSON.parse(text);
    for (const name of path.split('.')) value = (value as Record<string, unknown> | null)?.[name];
    return asNumber(value);
  } catch {
    return undefined; // no JSON, whatever it says it is
  }
}

function asNumber(value: unknown): unknown {
  if (typeof value !== 'string' || value.trim() === '') return value === '' ? undefined : value;
  const number = Number(value);
  return Number.isNaN(number) ? value : number;
}
