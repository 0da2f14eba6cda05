import { type Import, importsOf } from './source-files.ts';

const ZONES = [
  'src/contract',
  'sdk',
  'src/platform',
  'src/gateway',
  'src/backends',
  'src/router',
  'src/cli',
  'console',
  'models',
  'toolchain',
];

/** Zones each zone may import besides itself; `main` alone wires and may import all. See ARCHITECTURE.md. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'src/contract': [],
  sdk: ['src/contract'],
  'src/platform': ['src/contract', 'sdk'],
  room: ['src/contract', 'sdk', 'src/platform'],
  rooms: ['src/contract', 'src/platform', 'room', 'models'],
  signature: ['src/contract', 'src/platform'],
  'src/gateway': ['src/contract', 'src/platform', 'signature'],
  'src/backends': ['src/contract', 'src/platform', 'toolchain'],
  'src/router': ['src/contract', 'src/platform', 'signature', 'models'],
  'src/cli': ['src/contract', 'sdk', 'src/platform', 'signature', 'models', 'toolchain'],
  console: ['src/contract'],
  models: ['src/contract'],
  toolchain: [],
};

/** Only types, which leave nothing behind when the code runs. */
const TYPES_ONLY: readonly string[] = ['sdk', 'console'];

const EXCEPTIONS: readonly (readonly [path: string, target: string])[] = [
  ['src/cli/verbs/server.ts', 'src/main.ts'], // `serve` is the server
  ['src/cli/verbs/dev.ts', 'tests/run.ts'], // `dev` is for the checkout only
  ['src/cli/main.ts', 'package.json'],
  ['src/gateway/generate-coverage.ts', 'models/load.ts'], // a maintenance script
];

/** The zone of a file; undefined for `main` and what is no part of the product. Each room is `room <name>`; `rooms` wires them all. */
export function zoneOf(path: string): string | undefined {
  const room = /^src\/domains\/([^/]+)\//.exec(path)?.[1];
  if (room) return `room ${room}`;
  if (path === 'src/rooms.ts') return 'rooms';
  if (path.startsWith('src/gateway/signature/')) return 'signature';
  return ZONES.find((zone) => path.startsWith(`${zone}/`));
}

/** What a file imports that its zone may not, in words. */
export function importBreaches(path: string, imports: readonly Import[] = importsOf(path)): string[] {
  const zone = zoneOf(path);
  if (zone === undefined) return [];
  const allowed = ALLOWED[zone.startsWith('room ') ? 'room' : zone] ?? [];
  return imports
    .filter(({ target, typeOnly }) => {
      if (target === undefined || EXCEPTIONS.some(([from, to]) => from === path && to === target)) return false;
      const other = zoneOf(target);
      if (other === zone) return false;
      const named = other?.startsWith('room ') ? 'room' : other;
      return named === undefined || !allowed.includes(named) || (TYPES_ONLY.includes(zone) && !typeOnly);
    })
    .map(({ target }) => `${path} imports ${target}`);
}
