import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { absence } from '../../src/backends/sandbox/testing/sandbox-trial.ts';
import { cacheDirectory } from '../../toolchain/cache.mjs';
import { findRuntime } from '../../toolchain/python.mjs';
import { childrenOf, descendantsOf, liveWork } from '../crash/server-process.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { BUCKET, endOfScript, lineOfScript, logOfScript, startScript, until } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const OTHER = `
import os, time
open('/opt/ml/secret', 'w').write('secret of the other job')
print('ready', flush=True)
while True: time.sleep(0.05)
`;
const ENDED =
  "import os; print(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI']); print(os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN'])";
const HOME_MARKER = `.slipway-attack-${process.pid}`;
const GUARDED = 'what is stored\n';

for (const sandbox of ['bubblewrap', 'unshare'] as const) {
  test(`under ${sandbox} a job reaches nothing of the host, of other jobs or of the server`, {
    skip: absence(sandbox),
  }, async () => {
    process.env['SLIPWAY_TEST_SECRET'] = 'of the host'; // in the server's environment, and so in its children's
    const folder = mkdtempSync(join(tmpdir(), 'slipway-attacks-'));
    const server = await withSessionKey(folder, () => startServer({ folder, settings: `sandbox: ${sandbox}\n` }));
    writeFileSync(join(homedir(), HOME_MARKER), 'private');
    try {
      const aws = new AwsClient(optionsOf(server));
      const facts = await gatherFacts(aws, server);
      await aws.put(BUCKET, 'facts/facts.json', JSON.stringify(facts));
      await aws.put(BUCKET, 'guarded/guarded.txt', GUARDED);
      const script = readFileSync(join(import.meta.dirname, 'intruder.py'), 'utf8');
      const input = (name: string, path: string) => ({
        InputName: name,
        S3Input: {
          S3Uri: `s3://${BUCKET}/${name}`,
          LocalPath: `/opt/ml/processing/${path}`,
          S3DataType: 'S3Prefix' as const,
          S3InputMode: 'File' as const,
        },
      });
      await startScript(aws, 'intruder', script, { inputs: [input('facts', 'facts'), input('guarded', 'input')] });
      const job = await endOfScript(aws, 'intruder');
      const lines = await logOfScript(aws, 'intruder');
      assert.equal(job.ProcessingJobStatus, 'Completed', `${job.FailureReason}\n${lines.join('\n')}`);
      assert.deepEqual(
        lines.filter((line) => !line.includes(': refused (')),
        ['own credentials: given', 'done'],
      );
      assert.equal(lines.length, attemptsOf(script, facts) + 2);
      await assertUnharmed(aws, server);
    } finally {
      rmSync(join(homedir(), HOME_MARKER));
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** Starts a server from a session that has a key in its keyring, as of whoever is logged in. */
async function withSessionKey<T>(folder: string, start: () => Promise<T>): Promise<T> {
  const node = process.execPath;
  const starter = join(folder, 'starter');
  const keyctl = process.arch === 'x64' ? [250, 248] : [219, 217];
  writeFileSync(
    starter,
    `#!/usr/bin/env python3
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.syscall(${keyctl[0]}, 1, None)
libc.syscall(${keyctl[1]}, b"user", b"slipway-attack", b"of the session", 14, -3)
os.execv(${JSON.stringify(node)}, [${JSON.stringify(node)}, *sys.argv[1:]])
`,
    { mode: 0o700 },
  );
  process.execPath = starter;
  try {
    return await start();
  } finally {
    process.execPath = node;
  }
}

/** Everything an attacker could hope to know: where things lie, and the ids of processes. */
async function gatherFacts(aws: AwsClient, server: TestServer) {
  const { folder } = server;
  await startScript(aws, 'ended', ENDED);
  await endOfScript(aws, 'ended');
  const [endedUri = '', endedToken = ''] = await logOfScript(aws, 'ended');
  await startScript(aws, 'other', OTHER, { environment: { OF_THE_OTHER: 'secret-of-the-other-job' } });
  await lineOfScript(aws, 'other', 'ready');
  const [other] = await until(
    'the other job',
    () => liveWork(folder, 'job'),
    (live) => live.length === 1,
  );
  assert.ok(other);
  const { routerPid } = JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as { routerPid: number };
  const spawner = childrenOf(server.pid).find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('spawner.py'));
  const session = { accessKeyId: aws.options.credentials.accessKeyId, region: 'us-east-1', expiresAtMs: Date.now() + 3_600_000 };
  return {
    dataFolder: folder,
    otherRun: other.id,
    otherSecret: 'secret-of-the-other-job',
    home: homedir(),
    homes: readdirSync('/home'),
    homeMarker: HOME_MARKER,
    cacheFolder: cacheDirectory(),
    runtimeFolder: findRuntime('ml')?.path ?? '',
    pids: { server: server.pid, router: routerPid, spawner: spawner ?? server.pid, supervisor: other.pid },
    diskMajor: statSync(folder).dev >> 8,
    sockets: [join(folder, 'router/control.sock'), '/run/dbus/system_bus_socket', '/var/run/docker.sock'],
    forgedPayload: Buffer.from(JSON.stringify(session)).toString('base64url'),
    endedUri,
    endedToken,
  };
}

/** So that an attempt that is left out by mistake does not count as refused. */
function attemptsOf(script: string, facts: Awaited<ReturnType<typeof gatherFacts>>): number {
  const written = script.split('\n').filter((line) => line.startsWith('attempt(')).length;
  const homes = new Set([facts.home, '/root', ...facts.homes.map((name) => `/home/${name}`)]).size;
  const inLoops = { files: 6, homes: 2 * homes, processes: 4 * 4, sockets: facts.sockets.length };
  return written + inLoops.files + inLoops.homes + inLoops.processes + inLoops.sockets;
}

async function assertUnharmed(aws: AwsClient, server: TestServer): Promise<void> {
  assert.equal((await aws.get(BUCKET, 'guarded/guarded.txt')).toString('utf8'), GUARDED);
  const { ProcessingJobStatus } = await aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: 'other' });
  assert.equal(ProcessingJobStatus, 'InProgress');
  assert.ok(liveWork(server.folder, 'job').some(({ pid }) => descendantsOf(pid).length > 0));
}
