import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsClient, optionsOf } from '../tests/harness/aws-client.ts';
import { slipway } from '../tests/harness/cli.ts';
import { BUCKET } from '../tests/harness/script-job.ts';
import { startServer } from '../tests/harness/server.ts';
import { median, report } from './figure.ts';
import { fill } from './fill.ts';

/**
 * `slipway backup` of a data folder whose server works for a client meanwhile, and `slipway restore` of it: 50,000 model versions, 5,000
 * executions and 500 MiB of objects. The floor is a copy of the same folder by `cp`, synced.
 */
const AMOUNTS = { packages: 50_000, executions: 5_000 };
const OBJECTS = 250;
const OBJECT_BYTES = 2 * 1024 * 1024;
const CALLS_BEFORE = 400;

const scratch = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const folder = join(scratch, 'data');
const backup = join(scratch, 'backup');

async function elapsedMs(act: () => unknown): Promise<number> {
  const startMs = performance.now();
  await act();
  return performance.now() - startMs;
}

async function command(...words: string[]): Promise<void> {
  const { code, stderr } = await slipway(words);
  if (code !== 0) throw new Error(`slipway ${words.join(' ')}: ${stderr}`);
}

const p99 = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;

try {
  await fill(folder, AMOUNTS);
  const server = await startServer({ folder });
  try {
    const aws = new AwsClient(optionsOf(server));
    for (let n = 0; n < OBJECTS; n += 1) await aws.put(BUCKET, `objects/${n}`, randomBytes(OBJECT_BYTES));
    const put = (n: number) => elapsedMs(() => aws.put(BUCKET, `client/${n % 100}`, `small ${n}`));
    const calm: number[] = [];
    for (let n = 0; n < CALLS_BEFORE; n += 1) calm.push(await put(n));
    let going = true;
    const meanwhile: number[] = [];
    const client = (async () => {
      for (let n = 0; going; n += 1) meanwhile.push(await put(n));
    })();
    const backupMs = await elapsedMs(() => command('backup', backup, '--data', folder));
    going = false;
    await client;
    const restoreMs = await elapsedMs(() => command('restore', backup, '--data', join(scratch, 'restored')));
    const copyMs = await elapsedMs(() => {
      execFileSync('cp', ['-r', backup, join(scratch, 'copy')]);
      execFileSync('sync', ['-f', scratch]);
    });
    report({ name: 'backup of a folder in use', value: backupMs, unit: 'ms', floor: copyMs, note: 'contents are linked' });
    report({ name: 'restore', value: restoreMs, unit: 'ms', floor: copyMs, note: 'every byte is checked' });
    report({ name: 'PutObject during the backup, p50', value: median(meanwhile), unit: 'ms', floor: median(calm) });
    report({ name: 'PutObject during the backup, p99', value: p99(meanwhile), unit: 'ms', floor: p99(calm) });
  } finally {
    await server.stop();
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
