import type { Json } from '../json.ts';

/** The part of JSONPath that EventBridge knows, and the filters of webhooks: names (`$.a`, `$['a b']`), positions (`$.a[0]`), and `*`. Pure. */
export type JsonPath = readonly (string | number | '*')[];

const STEP = /^(?:\.([^.[\]<>\s'"]+)|\[(?:'([^']*)'|"([^"]*)"|(\d+)|(\*))\])/;

/** Undefined: not a path. `$` alone is the whole document. */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith('$')) return undefined;
  const path: (string | number)[] = [];
  for (let rest = text.slice(1); rest !== ''; ) {
    const step = STEP.exec(rest);
    if (!step) return undefined;
    path.push(step[4] === undefined ? (step[1] ?? step[2] ?? step[3] ?? '*') : Number(step[4]));
    rest = rest.slice(step[0].length);
  }
  return path;
}

/** Undefined: there is nothing. With `*` the values are a list. */
export function valueAt(document: Json, path: JsonPath): Json | undefined {
  let values: Json[] = [document];
  for (const step of path) values = values.flatMap((value) => stepInto(value, step));
  return path.includes('*') ? (values.length > 0 ? values : undefined) : values[0];
}

function stepInto(value: Json, step: string | number): Json[] {
  if (typeof value !== 'object' || value === null) return [];
  if (step === '*') return Object.values(value).filter((one) => one !== undefined) as Json[];
  if (Array.isArray(value)) return typeof step === 'number' && step < value.length ? [value[step] as Json] : [];
  const member = Object.hasOwn(value, step) ? value[step] : undefined;
  return member === undefined ? [] : [member];
}
