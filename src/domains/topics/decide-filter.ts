import { isRejection, type Rejection } from '../../platform/errors/rejection.ts';
import type { Json, JsonObject } from '../../platform/json.ts';
import { matchesEvent } from '../../platform/patterns/decide-match.ts';
import { type Pattern, parsePattern } from '../../platform/patterns/decide-pattern.ts';
import type { MessageDocument } from './resources.ts';

/** Filter policies of subscriptions, in the language of event patterns; pure. Source: "Amazon SNS subscription filter policies" of AWS's guide. */
export type Scope = 'MessageAttributes' | 'MessageBody';

export interface Filter {
  readonly pattern: Pattern;
  readonly scope: Scope;
}

const KEYS_MAX = 5;
const COMBINATIONS_MAX = 150;
const NUMBER_MAX = 1e9;

const wrong = (why: string): { rejection: Rejection } => ({
  rejection: { code: 'InvalidParameter', message: `Invalid parameter: FilterPolicy: ${why}` },
});

export function parseFilter(text: string, scope: Scope): Filter | { readonly rejection: Rejection } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return wrong('failed to parse JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong('Filter policy must be a JSON object.');
  const nested = Object.entries(value).find(([name, rule]) => name !== '$or' && !Array.isArray(rule) && typeof rule === 'object');
  if (nested && scope === 'MessageAttributes') {
    return wrong('Filter policy scope MessageAttributes does not support nested filter policy');
  }
  if (numbersOf(value as Json).some((number) => Math.abs(number) > NUMBER_MAX)) return wrong('Numbers go from -10^9 to 10^9.');
  const pattern = parsePattern(JSON.stringify(rounded(value as Json)));
  if (isRejection(pattern)) return wrong(pattern.message.replace('Event pattern is not valid. Reason: ', ''));
  if (Object.keys(value).length > KEYS_MAX) return wrong(`Filter policy can not have more than ${KEYS_MAX} keys`);
  const levels = levelsOf(value as JsonObject);
  const combinations = pattern.alternatives.reduce(
    (sum, one) => sum + one.reduce((all, { path, matchers }) => all * (matchers.length || 1) * (levels.get(path) ?? 1), 1),
    0,
  );
  if (combinations > COMBINATIONS_MAX) return wrong('Filter policy is too complex');
  return { pattern, scope };
}

/** How deep each key stands, the outermost at 1: what a nested key may be counts once per level. */
function levelsOf(policy: JsonObject): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  const visit = (value: Json, path: readonly string[]): void => {
    if (Array.isArray(value)) levels.set(path.join('.'), path.length);
    else if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) {
        if (name !== '$or') visit(inner ?? null, [...path, name]);
        else if (Array.isArray(inner)) for (const one of inner) visit(one, path);
      }
  };
  visit(policy, []);
  return levels;
}

function numbersOf(value: Json): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap((inner) => numbersOf(inner ?? null)) : [];
}

/**
 * `text`: what the subscription would get. One that is no JSON object has none of the keys that a policy on bodies asks for, and is not passed
 * on.
 */
export function passesFilter({ pattern, scope }: Filter, text: string, attributes: MessageDocument['attributes']): boolean {
  if (scope === 'MessageAttributes') return matchesEvent(pattern, rounded(attributesAsEvent(attributes)) as JsonObject);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return false;
  }
  return (
    typeof body === 'object' &&
    body !== null &&
    !Array.isArray(body) &&
    matchesEvent(pattern, rounded(body as Json) as JsonObject)
  );
}

/** Numbers are compared to five digits behind the point. */
function rounded(value: Json): Json {
  if (typeof value === 'number') return Math.round(value * 1e5) / 1e5;
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, rounded(item ?? null)]));
}

/** Bytes are nothing that a policy can ask for, as at AWS. */
function attributesAsEvent(attributes: MessageDocument['attributes'] = {}): JsonObject {
  const shown = Object.entries(attributes).filter(([, { Type }]) => Type.split('.')[0] !== 'Binary');
  return Object.fromEntries(shown.map(([name, { Type, Value }]) => [name, scalarsOf(Type, Value)]));
}

function scalarsOf(type: string, text: string): Json {
  if (type === 'Number') return Number(text);
  if (type !== 'String.Array') return text;
  try {
    const list = JSON.parse(text) as Json;
    return (Array.isArray(list) ? list : [list]).filter((one) => one === null || typeof one !== 'object');
  } catch {
    return text;
  }
}
