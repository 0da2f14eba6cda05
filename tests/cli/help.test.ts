import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slipway } from '../harness/cli.ts';

const verbsIn = (help: string): string[] =>
  [...help.matchAll(/^ {2}([a-z]+) /gm)].flatMap(([, verb]) => (verb && verb !== 'help' ? [verb] : []));

test('every verb has help in one voice, without control codes, and says where it is when it is used wrongly', async () => {
  const { code, stdout } = await slipway(['--help']);
  assert.equal(code, 0);
  const verbs = verbsIn(stdout);
  assert.ok(verbs.includes('serve') && verbs.includes('image') && verbs.length > 20, stdout);
  const paths: string[][] = [];
  for (const verb of verbs) {
    const inner = verb === 'image' || verb === 'audit' ? verbsIn((await slipway([verb, '--help'])).stdout) : [];
    paths.push(...(inner.length > 0 ? inner.map((name) => [verb, name]) : [[verb]]));
  }
  for (const path of paths) {
    const help = await slipway([...path, '--help']);
    const name = path.join(' ');
    assert.deepEqual([help.code, help.stderr], [0, ''], name);
    assert.ok(help.stdout.startsWith(`Usage: slipway ${name}`), help.stdout);
    assert.ok(!help.stdout.includes('\u001b'), name);
    assert.match(help.stdout.split('\n')[2] ?? '', /^[a-z].*[^.]$/, `${name}: a summary in lower case, without a full stop`);
    assert.doesNotMatch(help.stdout, /default:\s+["[]/, `${name}: defaults as they are typed`);
    const wrong = await slipway([...path, '--nonsense']);
    assert.equal(wrong.code, 2, name);
    assert.match(wrong.stderr, new RegExp(`\\(see: npx slipway (${name} )?--help\\)`), name);
  }
});

test('what the machine refuses is said in one line, with the path', async () => {
  for (const template of ['bare', 'codepipeline']) {
    const { code, stderr } = await slipway(['init', '/dev/null/project', '--template', template]);
    assert.equal(code, 1);
    assert.match(stderr, /^slipway: ENOTDIR: not a directory, .*'\/dev\/null\/project.*'\n$/);
  }
});
