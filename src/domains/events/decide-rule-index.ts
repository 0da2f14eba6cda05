import type { JsonObject } from '../../platform/json.ts';
import { flatten, matchesAlternative, pathsOf } from '../../platform/patterns/decide-match.ts';
import type { Alternative, Pattern } from '../../platform/patterns/decide-pattern.ts';

/** Rules of one bus, made ready: an event is held against those alone that its source or detail type lets through. */
export interface RuleIndex<R> {
  readonly size: number;
  /** Rules whose pattern the event fits, each once, in the order they were given. */
  matching(event: JsonObject): R[];
}

interface Entry {
  readonly nth: number;
  readonly alternative: Alternative;
}

/** Fields that most patterns name by exact values; the first that an alternative names is what it is found by. */
const KEYS = ['source', 'detail-type'] as const;

export function compileRules<R>(rules: readonly { readonly rule: R; readonly pattern: Pattern }[]): RuleIndex<R> {
  const paths = pathsOf(rules.map(({ pattern }) => pattern));
  const byValue = new Map<string, Entry[]>();
  const others: Entry[] = [];
  for (const [nth, { pattern }] of rules.entries()) {
    for (const alternative of pattern.alternatives) {
      const values = keysOf(alternative);
      const entry = { nth, alternative };
      if (!values) others.push(entry);
      for (const value of values ?? []) {
        const found = byValue.get(value);
        if (found) found.push(entry);
        else byValue.set(value, [entry]);
      }
    }
  }
  return {
    size: rules.length,
    matching(event) {
      const candidates = KEYS.flatMap((name) => byValue.get(`${name}=${String(event[name])}`) ?? []);
      if (candidates.length === 0 && others.length === 0) return [];
      const flat = flatten(event, paths);
      const found = new Set<number>();
      for (const list of [candidates, others]) {
        for (const { nth, alternative } of list) if (!found.has(nth) && matchesAlternative(alternative, flat)) found.add(nth);
      }
      return [...found].sort((one, other) => one - other).map((nth) => (rules[nth] as { rule: R }).rule);
    },
  };
}

/** `source=aws.s3` for each value that an event must have one of; undefined when none of the fields is held to exact texts. */
function keysOf(alternative: Alternative): string[] | undefined {
  for (const name of KEYS) {
    const condition = alternative.find(({ path }) => path === name);
    if (!condition || condition.absent) continue;
    const texts = condition.matchers.map((matcher) =>
      matcher.kind === 'exact' && typeof matcher.value === 'string' ? matcher.value : undefined,
    );
    if (texts.every((text) => text !== undefined)) return texts.map((text) => `${name}=${text}`);
  }
  return undefined;
}
