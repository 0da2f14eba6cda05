import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadService, serviceIds } from '../../models/load.ts';
import { patternPatches } from '../../models/patches.ts';
import { sampleText, seededRandom } from './generate-text.ts';
import { compilePattern } from './pattern.ts';
import { parsePattern } from './pattern-syntax.ts';

const patterns = new Set(
  serviceIds.flatMap((id) => Object.values(loadService(id).model.shapes).flatMap((shape) => shape.pattern ?? [])),
);

test('every pattern of the models compiles', () => {
  const { replacements } = loadService('sagemaker');
  for (const pattern of patterns) assert.doesNotThrow(() => compilePattern(pattern, replacements), pattern);
});

test('every patch belongs to a pattern some model has', () => {
  for (const patch of patternPatches) assert.ok(patterns.has(patch.pattern), `${patch.pattern}: no model has it any more`);
});

for (const { pattern, replacement } of patternPatches) {
  const original = compileAsItStands(pattern);
  if (original === undefined) continue;
  test(`the replacement of ${pattern} accepts the same texts`, () => {
    const replaced = compilePattern(replacement, new Map());
    const random = seededRandom(5);
    const nodes = [parsePattern(pattern), parsePattern(replacement)];
    let accepted = 0;
    for (let i = 0; i < 4000; i += 1) {
      const text = disturb(
        sampleText(nodes[i % 2] ?? { kind: 'sequence', parts: [] }, random, 1 + (i % 4)).slice(0, 120),
        i,
        random,
      );
      if (onlyJava.test(text)) continue;
      assert.equal(replaced.test(text), original.test(text), JSON.stringify(text));
      if (replaced.test(text)) accepted += 1;
    }
    assert.ok(accepted > 100, 'hardly any text was accepted, so little was compared');
  });
}

/** A line end to Java and to our replacements, not to JavaScript's dot. */
const onlyJava = /\u0085/;

/** JavaScript's own reading where it has one that means the same; `\A`, POSIX classes and `${n,m}` have none. */
function compileAsItStands(pattern: string): RegExp | undefined {
  if (/\\A|\\p\{(?:Alnum|Print)\}|\$\{|^\(\?i\)/.test(pattern)) return undefined;
  return new RegExp(`^(?:${pattern})$`);
}

function disturb(text: string, turn: number, random: () => number): string {
  const at = Math.floor(random() * (text.length + 1));
  const extra = ['', '/', '-', '\n', ' ', '\u2028', '_'][turn % 7] ?? '';
  return turn % 3 === 0
    ? text
    : turn % 3 === 1
      ? text.slice(0, at) + extra + text.slice(at)
      : text.slice(0, at) + text.slice(at + 1);
}

test('no pattern needs more than its text to be read, whatever the text', async () => {
  const { hungAt } = await runProbe([], 60_000);
  assert.equal(hungAt, undefined, 'this pattern backtracks without end; give it a linear replacement in models/patches.ts');
});

test('the probe finds a pattern that does backtrack without end', async () => {
  const { hungAt } = await runProbe([patternPatches[0]?.pattern ?? ''], 2_000);
  assert.equal(hungAt, JSON.stringify(patternPatches[0]?.pattern));
});

/** Ends the probe when it says nothing for so long; a healthy pattern takes milliseconds. */
async function runProbe(args: string[], patienceMs: number): Promise<{ hungAt: string | undefined }> {
  const script = fileURLToPath(new URL('../../models/probe-patterns.ts', import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let last = '(start)';
  let watchdog = setTimeout(() => child.kill('SIGKILL'), 60_000);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    last = text.trimEnd().split('\n').at(-1) ?? last;
    clearTimeout(watchdog);
    watchdog = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  });
  await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(watchdog);
  return { hungAt: last === 'done' ? undefined : last };
}
