import type { Json, JsonObject } from '../../../sdk/definition/index.ts';

/**
 * The values of a definition's expressions, by AWS's documentation and as plainly as possible: no code of the product is behind it, so
 * that both can be compared. Throws `Wrong` where the step that needs the value has to fail, `Unknown` where the oracle cannot tell.
 */
export class Wrong extends Error {}
export class Unknown extends Error {}

export interface Facts {
  readonly parameters: ReadonlyMap<string, { readonly type: string; readonly value: Json }>;
  readonly execution: Readonly<Record<string, Json>>;
  /** What the properties of a step are paths into. */
  properties(step: string): Json;
  /** The text of an S3 object. */
  file(uri: string): string;
  /** The S3 URI of a property file. */
  propertyFile(step: string, name: string): string;
  readonly item?: Json;
  /** In a ForEach body: what a sibling is called in this iteration. */
  nameOf(step: string): string;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function evaluate(value: Json, facts: Facts): Json {
  if (Array.isArray(value)) return value.map((item) => evaluate(item, facts));
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === 'Get' && typeof value['Get'] === 'string') return get(value['Get'], facts);
  if (keys.length === 1 && keys[0] === 'Std:Join') return joined(value['Std:Join'] as JsonObject, facts);
  if (keys.length === 1 && keys[0] === 'Std:JsonGet') return jsonGet(value['Std:JsonGet'] as JsonObject, facts);
  return Object.fromEntries(keys.map((key) => [key, evaluate(value[key] as Json, facts)]));
}

function get(text: string, facts: Facts): Json {
  const [space = '', ...rest] = text.split('.');
  const path = rest.join('.');
  if (space === 'Parameters') {
    const parameter = facts.parameters.get(path);
    if (!parameter) throw new Wrong(`no parameter ${path}`);
    return parameter.value;
  }
  if (space === 'Execution') {
    const value = facts.execution[path];
    if (value === undefined) throw new Unknown(text);
    return value;
  }
  if (space === 'ForEach') {
    if (facts.item === undefined) throw new Wrong('no item');
    const below = path.slice('CurrentItem'.length);
    if (below === '') return facts.item;
    return follow(typeof facts.item === 'string' ? (JSON.parse(facts.item) as Json) : facts.item, below);
  }
  const step = /^[^.[]+/.exec(path)?.[0] ?? '';
  return follow(facts.properties(facts.nameOf(step)), path.slice(step.length));
}

const KEYED = ['OutputName', 'InputName', 'ChannelName', 'MetricName', 'VariantName', 'Key'];

/** `.a[0]['b']` into a document; a list's element is also found by its name. */
export function follow(document: Json, path: string): Json {
  let at: Json | undefined = document;
  for (const [part, member, index, key] of path.replace(/^\$/, '').matchAll(/\.?([^.[\]]+)|\[(\d+)\]|\[["'](.*?)["']\]/g)) {
    const name: string | undefined = member ?? key;
    if (part.startsWith('[') && index !== undefined) at = Array.isArray(at) ? at[Number(index)] : undefined;
    else if (Array.isArray(at) && key !== undefined) at = at.find((one) => isObject(one) && KEYED.some((by) => one[by] === key));
    else at = isObject(at) && name !== undefined && Object.hasOwn(at, name) ? at[name] : undefined;
    if (at === undefined || at === null) throw new Wrong(`nothing at ${path}`);
  }
  return at as Json;
}

function joined({ On = '', Values }: JsonObject, facts: Facts): string {
  return (Values as Json[])
    .map((value) => {
      const resolved = evaluate(value, facts);
      const from = isObject(value) && typeof value['Get'] === 'string' ? value['Get'].replace(/^Parameters\./, '') : '';
      // a Float is written as Python writes it
      const isFloat = facts.parameters.get(from)?.type === 'Float' && Number.isInteger(resolved);
      if (isFloat) return `${String(resolved)}.0`;
      return typeof resolved === 'object' ? JSON.stringify(resolved) : String(resolved);
    })
    .join(String(On));
}

function jsonGet({ PropertyFile, S3Uri, Path }: JsonObject, facts: Facts): Json {
  let uri: Json;
  if (isObject(PropertyFile)) {
    const [, step = '', name = ''] = /^Steps\.([^.]+)\.PropertyFiles\.(.+)$/.exec(String(PropertyFile['Get'])) ?? [];
    uri = facts.propertyFile(facts.nameOf(step), name);
  } else uri = evaluate(S3Uri ?? null, facts);
  let json: Json;
  const text = facts.file(String(uri));
  try {
    json = JSON.parse(text) as Json;
  } catch {
    throw new Wrong(`${String(uri)} is no JSON`);
  }
  return follow(json, String(Path));
}

/** Which outcomes a list of conditions may have: a fault counts, or not, where the others decide already. */
export function conditionsHold(conditions: readonly Json[], facts: Facts): Set<boolean | 'wrong'> {
  return combined(
    conditions.map((one) => holds(one as JsonObject, facts)),
    (all) => all.every(Boolean),
  );
}

type Outcomes = Set<boolean | 'wrong'>;

function combined(parts: readonly Outcomes[], decide: (values: boolean[]) => boolean): Outcomes {
  const isWrong = parts.some((part) => part.has('wrong'));
  const known = parts.map((part) => [...part].filter((one) => one !== 'wrong'));
  if (!isWrong) return new Set([decide(known.map(([value]) => value === true))]);
  // whatever the faulty ones were, the others may decide: AWS does not say whether all are looked at
  const [low, high] = [false, true].map((fill) => decide(known.map(([value]) => value ?? fill)));
  return low === high ? new Set(['wrong', low as boolean]) : new Set(['wrong']);
}

function holds(condition: JsonObject, facts: Facts): Outcomes {
  const { Type, Condition, Expression, Conditions, QueryValue, Values, LeftValue, RightValue } = condition;
  if (Type === 'Not') {
    const inner = holds((Condition ?? Expression) as JsonObject, facts);
    return new Set([...inner].map((one) => (one === 'wrong' ? one : !one)));
  }
  if (Type === 'Or') {
    return combined(
      (Conditions as JsonObject[]).map((one) => holds(one, facts)),
      (all) => all.some(Boolean),
    );
  }
  try {
    if (Type === 'In') {
      const query = evaluate(QueryValue as Json, facts);
      return new Set([(Values as Json[]).map((value) => evaluate(value, facts)).includes(query)]);
    }
    return new Set([compare(String(Type), evaluate(LeftValue as Json, facts), evaluate(RightValue as Json, facts))]);
  } catch (error) {
    if (error instanceof Wrong) return new Set(['wrong']);
    throw error;
  }
}

function compare(type: string, left: Json, right: Json): boolean {
  if (typeof left !== typeof right || typeof left === 'object') throw new Wrong('types that cannot be compared');
  if (typeof left === 'boolean' && type !== 'Equals') throw new Wrong('booleans have no order');
  const [a, b] = [left as number, right as number];
  const results: Record<string, boolean> = {
    Equals: a === b,
    GreaterThan: a > b,
    GreaterThanOrEqualTo: a >= b,
    LessThan: a < b,
    LessThanOrEqualTo: a <= b,
  };
  const result = results[type];
  if (result === undefined) throw new Unknown(type);
  return result;
}
