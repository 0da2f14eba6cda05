import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsClient, Refused } from '../harness/aws-client.ts';
import { BUCKET } from '../harness/script-job.ts';
import { type Call, logs, perform, s3, sagemaker, sqs } from './call.ts';
import { connectionOf } from './kill-rig.ts';
import { ServerProcess } from './server-process.ts';
import { storeAdapter } from './store-adapter.ts';

/**
 * Run in a mount namespace of its own: `disk-full-scenario.ts PLACE`, where PLACE (`.`, `blobs`, `logs`, or `database`) of the data folder lies on a
 * small file system that is filled while clients write. Prints what was not as promised, a JSON list.
 */
const SMALL = '24m';
const LARGE = '200m';
const place = process.argv[2] ?? '.';
const problems: string[] = [];
const folder = mkdtempSync(join(tmpdir(), 'slipway-full-'));
const small = place === 'database' ? folder : join(folder, place);

function mount(path: string, size: string): void {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', path]);
}

mount(folder, place === 'database' || place === '.' ? SMALL : LARGE);
for (const name of ['blobs', 'logs']) {
  if (place === name) mount(join(folder, name), SMALL);
  else if (place === 'database') mount(join(folder, name), LARGE);
}

const filler = join(small, 'filler');
/** To the last byte. */
function fill(): void {
  const { bavail, bsize } = statfsSync(small);
  for (let bytes = bavail * bsize; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

const text = (n: number) => `object ${n} `.repeat(3_000);
const stream = { logGroupName: 'full', logStreamName: 's' };
/** Changes of every kind: what stands in a row, in a blob, in a log file. */
const CHANGES: readonly ((n: number) => {
  readonly change: Call;
  readonly look: Call;
  readonly holds: (found: string) => boolean;
})[] = [
  (n) => ({
    change: sagemaker('CreateModelPackageGroup', {
      ModelPackageGroupName: `g${n}`,
      ModelPackageGroupDescription: 'd'.repeat(1_000),
    }),
    look: sagemaker('DescribeModelPackageGroup', { ModelPackageGroupName: `g${n}` }),
    holds: (found) => found.includes(`"g${n}"`),
  }),
  (n) => ({
    change: s3('PUT', `/${BUCKET}/o${n}`, text(n)),
    look: s3('GET', `/${BUCKET}/o${n}`),
    holds: (found) => found === text(n),
  }),
  (n) => ({
    change: logs('PutLogEvents', {
      ...stream,
      logEvents: [{ timestamp: Date.now(), message: `line ${n} ${'x'.repeat(2_000)}` }],
    }),
    look: logs('GetLogEvents', { ...stream, startFromHead: false, limit: 1_000 }),
    holds: (found) => found.includes(`"message":"line ${n} ${'x'.repeat(2_000)}"`),
  }),
  (n) => ({
    change: sqs('CreateQueue', { QueueName: `q${n}` }),
    look: sqs('GetQueueUrl', { QueueName: `q${n}` }),
    holds: (found) => found.includes(`q${n}`),
  }),
];

let number = 0;
const acknowledged: { readonly look: Call; readonly holds: (found: string) => boolean }[] = [];

/** One change of each kind; how many were refused. */
async function change(aws: AwsClient): Promise<number> {
  let refused = 0;
  for (const make of CHANGES) {
    number += 1;
    const { change, look, holds } = make(number);
    try {
      await perform(aws, change);
      acknowledged.push({ look, holds });
    } catch (error) {
      if (!(error instanceof Refused)) problems.push(`${JSON.stringify(change).slice(0, 200)}: ${String(error)}`);
      else if (![500, 503, 507].includes(error.status) || !/full|storage/i.test(error.message))
        problems.push(`${JSON.stringify(change).slice(0, 120)} was refused with ${error.status} ${error.code}: ${error.message}`);
      refused += 1;
    }
  }
  return refused;
}

async function assertKept(aws: AwsClient, when: string): Promise<void> {
  for (const { look, holds } of acknowledged) {
    const found = await perform(aws, look).then(
      ({ text }) => text,
      (error: Error) => `${error.name}: ${error.message}`,
    );
    if (!holds(found)) problems.push(`${when}: ${JSON.stringify(look)} is ${found.slice(0, 200)}`);
  }
}

async function scenario(): Promise<void> {
  let server = new ServerProcess(folder);
  await server.url();
  const aws = new AwsClient(connectionOf(folder));
  await perform(aws, logs('CreateLogGroup', { logGroupName: 'full' }));
  await perform(aws, logs('CreateLogStream', stream));
  await change(aws);
  let refusals = 0;
  for (let round = 0; round < 4; round += 1) {
    fill();
    for (let n = 0; n < 5; n += 1) refusals += await change(aws);
    if (!server.running) throw new Error(`The server ended when the disk was full:\n${server.log().slice(-2_000)}`);
    await assertKept(aws, `round ${round}, full`);
    if (round === 1) {
      await server.end('SIGKILL');
      const verdict = storeAdapter.verify(folder);
      if (!verdict.ok) problems.push(`The ledger after a kill on a full disk: ${verdict.problem}`);
      server = new ServerProcess(folder);
      const url = await server.listening;
      // it may refuse to start where there is no room, if it says so; then it starts when there is
      if (url === undefined) {
        if ((await server.ended()) !== 2 || !/full|no space|ENOSPC/i.test(server.log()))
          problems.push(`On a full disk the start ended with ${await server.ended()}: ${server.log().slice(-1_000)}`);
        rmSync(filler);
        server = new ServerProcess(folder);
        await server.url();
      }
    }
    rmSync(filler, { force: true });
    const left = await change(aws);
    if (left > 0) problems.push(`round ${round}: with room again ${left} changes are refused`);
  }
  if (refusals === 0) problems.push('Nothing was refused: the disk was never full.');
  await assertKept(aws, 'in the end');
  const code = await server.end('SIGUSR2');
  if (code !== 0) problems.push(`The server ended with ${code}.`);
  const verdict = storeAdapter.verify(folder);
  if (!verdict.ok) problems.push(`The ledger: ${verdict.problem}`);
}

await scenario().catch((error: unknown) => problems.push(String((error as Error).stack ?? error)));
process.chdir('/');
if (problems.length === 0) {
  execFileSync('umount', ['-R', folder]);
  rmSync(folder, { recursive: true });
}
process.stdout.write(`${JSON.stringify(problems)}\n`);
process.exit(0);
