import { spawn, spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * Whether the simulator catches what is broken on purpose: each patch of `mutants/` goes onto a copy of the sources, and seeds run on that until
 * one finds something. `node tests/simulation/try-mutants.ts [--only 03] [--seeds 1000]`
 */
export interface MutantTrial {
  readonly patch: string;
  /** Seeds that ran until one found something; undefined when none did. */
  readonly seeds: number | undefined;
  /** The first thing found, in words. */
  readonly found: string;
}

const ROOT = join(import.meta.dirname, '../..');
const COPIED = ['src', 'sdk', 'models', 'runtimes', 'toolchain', 'tests', 'package.json', 'tsconfig.json'];

export const mutantPatches = (): string[] => globSync('mutants/*.patch', { cwd: import.meta.dirname }).sort();

export async function tryMutant(patch: string, seeds: number): Promise<MutantTrial> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-mutant-'));
  try {
    for (const part of COPIED) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const applied = spawnSync('git', ['apply', join(import.meta.dirname, patch)], { cwd: folder, encoding: 'utf8' });
    if (applied.status !== 0) throw new Error(`${patch} does not apply: ${applied.stderr}`);
    const said = await run(folder, ['--seeds', String(seeds), '--again', '0', '--problems', '1']);
    const ran = /(\d+) seeds, \d+ events, (\d+) seeds with problems/.exec(said);
    if (!ran) throw new Error(`The simulator on ${patch} broke off: ${said}`);
    const seed = /^seed \d+:\n {2}(.*)/m.exec(said)?.[1] ?? '';
    return { patch: basename(patch, '.patch'), seeds: ran[2] === '0' ? undefined : Number(ran[1]), found: seed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(folder: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['tests/simulation/simulate.ts', ...args], { cwd: folder });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (piece: Buffer) => {
        said += piece.toString();
      });
    }
    child.on('error', reject);
    child.on('close', () => resolve(said));
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string', default: '' }, seeds: { type: 'string', default: '1000' } },
  });
  for (const patch of mutantPatches().filter((name) => basename(name).startsWith(values.only))) {
    const { patch: name, seeds, found } = await tryMutant(patch, Number(values.seeds));
    process.stdout.write(
      `${name}: ${seeds === undefined ? 'NOT FOUND' : `found within ${seeds} seeds: ${found.slice(0, 200)}`}\n`,
    );
    if (seeds === undefined) process.exitCode = 1;
  }
}

if (process.argv[1] === import.meta.filename) await main();
