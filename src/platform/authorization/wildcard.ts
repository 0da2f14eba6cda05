/**
 * IAM patterns: `*` any text, `?` one character, `${key}` a policy variable. Compiled to code units with two markers, so that
 * wildcards in a variable's value stay ordinary characters.
 */
export type Pattern = readonly PatternPart[];
type PatternPart =
  | { readonly kind: 'text'; readonly units: readonly number[] }
  | { readonly kind: 'variable'; readonly name: string; readonly fallback?: string };

const ANY = -1;
const ONE = -2;

export function compilePattern(text: string, options: { variables: boolean; wildcards: boolean; lowerCase?: boolean }): Pattern {
  const parts: PatternPart[] = [];
  let units: number[] = [];
  const source = options.lowerCase ? text.toLowerCase() : text;
  for (let at = 0; at < source.length; at += 1) {
    const end = options.variables && source[at] === '$' && source[at + 1] === '{' ? source.indexOf('}', at + 2) : -1;
    if (end < 0) {
      const unit = source[at];
      units.push(options.wildcards && unit === '*' ? ANY : options.wildcards && unit === '?' ? ONE : source.charCodeAt(at));
      continue;
    }
    const inner = source.slice(at + 2, end);
    at = end;
    // ${*}, ${?} and ${$} say the characters themselves
    if (inner === '*' || inner === '?' || inner === '$') units.push(inner.charCodeAt(0));
    else {
      if (units.length > 0) parts.push({ kind: 'text', units });
      units = [];
      parts.push(variablePart(inner));
    }
  }
  if (units.length > 0) parts.push({ kind: 'text', units });
  return parts;
}

/** `key`, or `key, 'what stands for an absent one'`. Each expression has one way to match: policies come from anyone. */
function variablePart(inner: string): PatternPart {
  const comma = inner.indexOf(',');
  const fallback = comma > 0 ? /^\s*'([^']*)'\s*$/.exec(inner.slice(comma + 1))?.[1] : undefined;
  const name = (fallback === undefined ? inner : inner.slice(0, comma)).trim().toLowerCase();
  return fallback === undefined ? { kind: 'variable', name } : { kind: 'variable', name, fallback };
}

/** Whether the whole of `text` fits; a variable without a value fits nothing. `variable` takes names in lower case. */
export function matchesPattern(pattern: Pattern, text: string, variable: (name: string) => string | undefined): boolean {
  const only = pattern[0];
  if (pattern.length === 1 && only?.kind === 'text') return matchesUnits(only.units, text);
  const units: number[] = [];
  for (const part of pattern) {
    if (part.kind === 'text') units.push(...part.units);
    else {
      const value = variable(part.name) ?? part.fallback;
      if (value === undefined) return false;
      for (let at = 0; at < value.length; at += 1) units.push(value.charCodeAt(at));
    }
  }
  return matchesUnits(units, text);
}

/** Greedy with one point of return (the last `*`): at worst length times length, no recursion, no regular expression. */
function matchesUnits(units: readonly number[], text: string): boolean {
  let inPattern = 0;
  let inText = 0;
  let star = -1;
  let resume = 0;
  while (inText < text.length) {
    const unit = units[inPattern];
    if (unit === ANY) {
      star = inPattern;
      resume = inText;
      inPattern += 1;
    } else if (unit === ONE || unit === text.charCodeAt(inText)) {
      inPattern += 1;
      inText += 1;
    } else if (star >= 0) {
      resume += 1;
      inText = resume;
      inPattern = star + 1;
    } else return false;
  }
  while (units[inPattern] === ANY) inPattern += 1;
  return inPattern === units.length;
}
