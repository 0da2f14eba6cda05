import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import { CliExit, wrongUse } from '../exit.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

interface DevOptions {
  readonly quick?: boolean;
  readonly long?: boolean;
  /** With `test --long moto`, `event-ruler` or `botocore`: where that project's source lies. */
  readonly source?: string;
  /** There: a Python that has its requirements. */
  readonly python?: string;
}

/** `slipway dev check|test|bench`: what `npm run check`, `npm test` and `npm run bench` call in the checkout. */
export async function dev(what: string, options: DevOptions, rest: string[]): Promise<void> {
  const code = await codeOf(what, options, rest);
  if (code !== 0) throw new CliExit(1, `slipway dev ${what}: failed`);
}

async function codeOf(what: string, options: DevOptions, rest: string[]): Promise<number> {
  if (what === 'check') return (await import('../../../tests/run.ts')).runCheck();
  if (what === 'test' && rest.length > 0) return foreign(rest, options);
  if (what === 'test')
    return (await import('../../../tests/run.ts')).runTests(options.quick ? 'quick' : options.long ? 'long' : 'full');
  if (what === 'bench') return bench(rest);
  throw wrongUse(`slipway dev ${what}: unknown; there are check, test and bench.`);
}

/** `npm run test:long -- moto --source DIR [PART of a file's name...]`, event-ruler and botocore: suites of others, judged by docs/conformance.md. */
async function foreign([suite, ...only]: string[], { source, python }: DevOptions): Promise<number> {
  if (suite !== 'moto' && suite !== 'event-ruler' && suite !== 'botocore')
    throw wrongUse(`slipway dev test ${suite}: unknown; there are moto, event-ruler and botocore.`);
  if (source === undefined) throw wrongUse(`slipway dev test ${suite}: --source has to name a checkout of ${suite}.`);
  const { runForeign } = await import('../../../tests/run.ts');
  return runForeign(suite, { source, only, ...(python !== undefined && { python }) });
}

/** Every bench, or those named; each prints one JSON line per figure. */
function bench(names: string[]): number {
  const files = globSync('bench/*.bench.ts', { cwd: ROOT }).filter(
    (file) => names.length === 0 || names.some((name) => file.includes(name)),
  );
  let worst = 0;
  for (const file of files.sort()) {
    worst = Math.max(worst, spawnSync(process.execPath, [file], { cwd: ROOT, stdio: 'inherit' }).status ?? 1);
  }
  return worst;
}
