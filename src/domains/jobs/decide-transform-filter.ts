/**
 * InputFilter and OutputFilter of batch transform: AWS's subset of JSONPath, parsed here once and followed by the driver
 * (runtimes/entry/slipway_transform/selection.py). Pure.
 */
export type FilterStep =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'indexes'; readonly indexes: readonly number[] }
  /** Half-open, as array slices are; null: from the first, to the last. */
  | { readonly kind: 'slice'; readonly start: number | null; readonly end: number | null }
  | { readonly kind: 'all' };

export type ParsedFilter = { readonly steps: readonly FilterStep[] } | { readonly problem: string };

const PATTERNS: readonly (readonly [RegExp, (match: RegExpExecArray) => FilterStep])[] = [
  [/^(?:\.\*|\.?\[\s*\*\s*\])/, () => ({ kind: 'all' })],
  [/^\.([^\s.[\]*'",:$()?@]+)/, ([, name = '']) => ({ kind: 'names', names: [name] })],
  [
    /^\.?\[\s*((?:'[^'\]]+'|"[^"\]]+")(?:\s*,\s*(?:'[^'\]]+'|"[^"\]]+"))*)\s*\]/,
    ([, list = '']) => ({ kind: 'names', names: [...list.matchAll(/'([^']+)'|"([^"]+)"/g)].map(([, a, b]) => a ?? b ?? '') }),
  ],
  [
    /^\[\s*(-?\d+)?\s*:\s*(-?\d+)?\s*\]/,
    ([, start, end]) => ({ kind: 'slice', start: numberOrNull(start), end: numberOrNull(end) }),
  ],
  [/^\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\]/, ([, list = '']) => ({ kind: 'indexes', indexes: list.split(',').map(Number) })],
];

const numberOrNull = (text: string | undefined): number | null => (text === undefined ? null : Number(text));

/** The steps of a path; none for `$`, which is everything. */
export function parseFilter(path: string): ParsedFilter {
  const text = path.trim();
  if (!text.startsWith('$')) return { problem: 'it must begin with $' };
  const steps: FilterStep[] = [];
  for (let rest = text.slice(1); rest !== ''; ) {
    if (severalNames(steps.at(-1))) return { problem: `nothing can follow a list of names, and "${rest}" does` };
    const found = firstMatch(rest);
    if (!found) return { problem: `"${rest}" is none of .name, .*, ['name','name'], [1,3], [-1] and [1:4]` };
    steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return { steps };
}

function firstMatch(rest: string): { readonly step: FilterStep; readonly length: number } | undefined {
  for (const [pattern, make] of PATTERNS) {
    const match = pattern.exec(rest);
    if (match) return { step: make(match), length: match[0].length };
  }
  return undefined;
}

const severalNames = (step: FilterStep | undefined): boolean => step?.kind === 'names' && step.names.length > 1;

/** A row of CSV is a flat list: one step by position is all that can be taken in it. */
export const fitsCsv = (steps: readonly FilterStep[]): boolean =>
  steps.length === 0 || (steps.length === 1 && steps[0]?.kind !== 'names');
