import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { projectFiles, ROOT, textOf } from './source-files.ts';

test('links between documents lead somewhere', () => {
  const dead: string[] = [];
  for (const path of projectFiles().filter((file) => file.endsWith('.md'))) {
    for (const [, target = ''] of textOf(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
      if (!existsSync(join(ROOT, dirname(path), target))) dead.push(`${path} -> ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});

test('every npm script and verb that the readme names exists', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  const readme = textOf('README.md') + textOf('CONTRIBUTING.md');
  const missing = [...readme.matchAll(/npm (?:run )?(setup|demo|test[:\w]*|check|start|bench)\b/g)].filter(
    ([, name = '']) => !scripts[name],
  );
  assert.deepEqual(missing, []);
  const main = textOf('src/cli/main.ts');
  for (const [, verb = ''] of readme.matchAll(/npx slipway ([a-z]+)/g)) {
    assert.ok(main.includes(`'${verb}`) || main.includes('`' + verb), `npx slipway ${verb}`);
  }
});

test('every test that the page on security names exists', () => {
  const files = textOf('docs/security.md').matchAll(/`([a-z/-]+\.test\.ts)`: ("[^"]+"(?:(?:,| and|, and) "[^"]+")*)/g);
  const named = [...files].flatMap(([, path = '', names = '']) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ path, name })),
  );
  assert.ok(named.length > 40, `${named.length} tests`);
  const absent = named.filter(({ path, name }) => !existsSync(join(ROOT, path)) || !textOf(path).includes(name));
  assert.deepEqual(absent, []);
});

test('every source file that the page on architecture names exists', () => {
  const spans = [...textOf('ARCHITECTURE.md').matchAll(/`([\w./{},-]+\.(?:ts|py|mjs))`/g)].flatMap(([, name = '']) =>
    alternatives(name),
  );
  assert.ok(spans.length > 60, `${spans.length} files`);
  const files = projectFiles();
  assert.deepEqual(
    spans.filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`))),
    [],
  );
});

/** `a/{b,c}.ts` as a/b.ts and a/c.ts. */
function alternatives(name: string): string[] {
  const [, before = '', inner = '', behind = ''] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(name) ?? [];
  return inner === '' ? [name] : inner.split(',').map((one) => `${before}${one}${behind}`);
}
