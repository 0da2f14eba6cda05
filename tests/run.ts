import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * `npm test` in order: the check, then every test file. `--quick` leaves out what starts servers and browsers; `--long` runs
 * the soak, kill and foreign suites of tests/long as well.
 */
export type Extent = 'quick' | 'full' | 'long';

const ROOT = resolve(import.meta.dirname, '..');

const UNIT = [
  'src/**/*.test.ts',
  'sdk/**/*.test.ts',
  'runtimes/**/*.test.ts',
  'toolchain/*.test.ts',
  'models/**/*.test.ts',
  'tests/goldens/**/*.test.ts',
];
const SYSTEM = [
  'tests/clients/**/*.test.ts',
  'tests/crash/**/*.test.ts',
  'tests/attacks/**/*.test.ts',
  'tests/fuzz/**/*.test.ts',
  'tests/simulation/**/*.test.ts',
  'tests/browser/**/*.test.ts',
  'tests/cli/**/*.test.ts',
  'examples/**/*.test.ts',
];
const LONG = ['tests/long/**/*.test.ts'];
/** Rooms that are tested with real git, beside those that are tested where they stand. */
const ROOMS = ['tests/crash/git-room.test.ts'];

/** A test that hangs fails then, and a failed one that left something open ends all the same; the long ones know their own limits. */
const TEST_TIMEOUT_MS = 600_000;
/** Files side by side: one for each core of a small machine. */
const FILES_AT_ONCE = 2;

/** Returns the exit code. */
export function runTests(extent: Extent): number {
  const checked = runCheck();
  if (extent !== 'quick') run(process.execPath, ['tests/harness/prepare.ts']);
  const patterns =
    extent === 'quick' ? [...UNIT, ...ROOMS] : extent === 'full' ? [...UNIT, ...SYSTEM] : [...UNIT, ...SYSTEM, ...LONG];
  const files = patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).sort();
  const limit = extent === 'long' ? [] : [`--test-timeout=${TEST_TIMEOUT_MS}`, '--test-force-exit'];
  const tested = run(process.execPath, [
    '--test',
    `--test-concurrency=${FILES_AT_ONCE}`,
    '--test-reporter=spec',
    ...limit,
    ...files,
  ]);
  return checked === 0 ? tested : checked;
}

/** What a suite of somebody else's needs to run: its source, a Python with its requirements (default: one made for it), parts of file names. */
export interface ForeignOptions {
  readonly source: string;
  readonly python?: string;
  readonly only: readonly string[];
}

/** Runs moto's tests, event-ruler's patterns or botocore's protocol cases and writes docs/conformance.md; returns the exit code. */
export async function runForeign(suite: 'moto' | 'event-ruler' | 'botocore', options: ForeignOptions): Promise<number> {
  if (suite === 'moto') return (await import('./long/foreign/moto.ts')).runMoto(options);
  if (suite === 'event-ruler') return (await import('./long/foreign/ruler.ts')).runRulerCases(options);
  return (await import('./long/foreign/protocols.ts')).runProtocolCases(options);
}

/** Types per zone, lint, and the structure tests: is the shape kept? */
export function runCheck(): number {
  const steps: [string, () => number][] = [
    ['types', () => run('node_modules/.bin/tsc', ['--noEmit', '-p', '.'])],
    ['types of the console', () => run('node_modules/.bin/tsc', ['--noEmit', '-p', 'console'])],
    ['lint and format', () => run('node_modules/.bin/biome', ['check', '--max-diagnostics=50'])],
    [
      'structure',
      () => run(process.execPath, ['--test', '--test-reporter=spec', ...globSync('tests/structure/*.test.ts', { cwd: ROOT })]),
    ],
  ];
  let worst = 0;
  for (const [what, step] of steps) {
    const code = step();
    process.stdout.write(`check: ${what} ${code === 0 ? 'ok' : 'FAILED'}\n`);
    worst = Math.max(worst, code);
  }
  return worst;
}

function run(command: string, args: string[]): number {
  const ended = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' });
  if (ended.error) process.stderr.write(`${command}: ${ended.error.message}\n`);
  return ended.status ?? 1;
}
