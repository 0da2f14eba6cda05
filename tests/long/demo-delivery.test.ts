import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { slipway } from '../harness/cli.ts';

const scratch = mkdtempSync(join(tmpdir(), 'slipway-demo-test-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

test('delivery: three pushes, of which the worse one changes nothing in production; nothing is left', async () => {
  const { code, stdout, stderr } = await slipway(['demo', 'delivery'], { env: { ...process.env, TMPDIR: scratch } }); // what the demo leaves behind shows
  assert.equal(code, 0, stdout + stderr);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
  assert.doesNotMatch(stdout, /\u001b|\r/);
  const production = [...stdout.matchAll(/^production (\S+), model SHA-256 ([0-9a-f]{64}), answers (\S+) to the fixed row$/gm)];
  const [first, afterWorse, afterBetter] = production.map(([, arn, digest, answer]) => [arn, digest, answer]);
  assert.deepEqual(afterWorse, first);
  for (const at of [0, 1, 2]) assert.notEqual(afterBetter?.[at], first?.[at]);
  assert.match(stdout, /stopped +Step failure: .*NotGoodEnough.*against production: worse/);
  assert.match(stdout, /\n {2}event rule +\w+ stopped at the gate\n/);
  assert.match(stdout, /\n {2}schedule +\w+ stopped at the gate\n/);
  assert.deepEqual(
    readdirSync(scratch).filter((name) => name.startsWith('slipway-demo-')),
    [],
  );
});
