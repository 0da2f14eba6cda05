/**
 * Tries patterns with texts made to exhaust a backtracking matcher, and says before each what it is about to do: whoever
 * started this process ends it when nothing more comes. With a pattern as argument, tries that one as it stands.
 */
import { writeSync } from 'node:fs';
import { hostileTexts } from '../src/contract/generate-text.ts';
import type { Shape } from '../src/contract/model.ts';
import { compilePattern } from '../src/contract/pattern.ts';
import { parsePattern } from '../src/contract/pattern-syntax.ts';
import { loadService, serviceIds } from './load.ts';

/** Length is checked before the pattern, so a shape's longest allowed text is the worst case; long enough to show a square. */
const longest = 50_000;

const asItStands = process.argv[2];
if (asItStands !== undefined) probe(asItStands, longest, new Map());
else for (const [pattern, { length, replacements }] of listPatterns()) probe(pattern, length, replacements);
writeSync(1, 'done\n');

function listPatterns(): Map<string, { length: number; replacements: ReadonlyMap<string, string> }> {
  const patterns = new Map<string, { length: number; replacements: ReadonlyMap<string, string> }>();
  for (const { model, replacements } of serviceIds.map(loadService)) {
    for (const { pattern, max } of Object.values(model.shapes) as Shape[]) {
      if (pattern === undefined) continue;
      const length = Math.max(patterns.get(pattern)?.length ?? 0, Math.min(max ?? longest, longest));
      patterns.set(pattern, { length, replacements });
    }
  }
  return patterns;
}

function probe(pattern: string, length: number, replacements: ReadonlyMap<string, string>): void {
  writeSync(1, `${JSON.stringify(pattern)}\n`);
  const matcher = compilePattern(pattern, replacements);
  const node = parsePattern(replacements.get(pattern) ?? pattern);
  for (const size of [30, 300, 3000, length]) {
    if (size <= length) for (const text of hostileTexts(node, size)) matcher.test(text);
  }
}
