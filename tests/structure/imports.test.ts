import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, isTest, projectFiles } from './source-files.ts';

/** Zone of a file, and the zones each zone may import. See ARCHITECTURE.md. */
function zoneOf(path: string): string | undefined {
  const room = /^src\/domains\/([^/]+)\//.exec(path)?.[1];
  if (room) return `room ${room}`;
  if (path.startsWith('src/gateway/signature/')) return 'signature';
  return ['src/contract', 'sdk', 'src/platform', 'src/gateway', 'src/backends', 'src/router', 'src/cli', 'console'].find((zone) =>
    path.startsWith(`${zone}/`),
  );
}

const ALLOWED: Record<string, string[]> = {
  'src/contract': [],
  sdk: ['src/contract'],
  'src/platform': ['src/contract', 'sdk'],
  room: ['src/contract', 'sdk', 'src/platform'],
  signature: ['src/contract', 'src/platform'],
  'src/gateway': ['src/contract', 'src/platform', 'signature'],
  'src/backends': ['src/contract', 'src/platform'],
  'src/router': ['src/contract', 'src/platform', 'signature'],
  'src/cli': ['src/contract', 'sdk', 'src/platform', 'signature'],
  console: ['src/contract'],
};

const sources = projectFiles().filter((path) => path.endsWith('.ts') && !isTest(path) && zoneOf(path));

test('a zone imports only what ARCHITECTURE.md allows', () => {
  const breaches: string[] = [];
  for (const path of sources) {
    const zone = zoneOf(path) ?? '';
    const allowed = ALLOWED[zone.startsWith('room ') ? 'room' : zone] ?? [];
    for (const { target, typeOnly } of importsOf(path)) {
      const other = target && zoneOf(target);
      if (!target || !other || other === zone) continue;
      if (path === 'src/cli/verbs/server.ts' && target === 'src/main.ts') continue; // `serve` is the server
      const typesOnly = (zone === 'sdk' || zone === 'console') && other === 'src/contract';
      if (!allowed.includes(other) || (typesOnly && !typeOnly)) breaches.push(`${path} imports ${target}`);
    }
  }
  assert.deepEqual(breaches, []);
});

test('only main.ts wires rooms, backends, gateway and router together', () => {
  const breaches = projectFiles()
    .filter((path) => path.startsWith('src/') && path.endsWith('.ts') && !zoneOf(path) && path !== 'src/main.ts' && !isTest(path))
    .filter((path) => !path.startsWith('src/wiring/'));
  assert.deepEqual(breaches, [], 'files directly under src/ belong to a zone');
});

test('contract and sdk are pure: no Node module, no package', () => {
  const breaches = sources
    .filter((path) => (path.startsWith('sdk/') || path.startsWith('src/contract/')) && !/\/generate-(text|types)\.ts$/.test(path))
    .flatMap((path) =>
      importsOf(path)
        .filter(({ target }) => target === undefined)
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );
  assert.deepEqual(breaches, []);
});
