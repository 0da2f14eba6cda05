import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { signRequest } from '../src/gateway/signature/sign.ts';
import { optionsOf } from '../tests/harness/aws-client.ts';
import { startServer } from '../tests/harness/server.ts';
import { median, report } from './figure.ts';

/** An object of 1 GiB put and got, beside hashing a file, copying it and having the copy on the disk. */

const SIZE_BYTES = 1024 ** 3;
const ROUNDS = 3;
const URL_PATH = '/sagemaker-us-east-1-123456789012/bench/gib';
const RATIO_BUDGET = 1 / 0.7;

const server = await startServer();
const folder = mkdtempSync(join(tmpdir(), 'slipway-objects-'));
const file = join(folder, 'F');
try {
  const times = { floor: [] as number[], put: [] as number[], get: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    await writeRandom(file); // another content each time: a known one is not stored again
    times.floor.push(
      await took(async () => void execFileSync('sh', ['-c', 'sha256sum F > sum && cp F G && sync G'], { cwd: folder })),
    );
    rmSync(join(folder, 'G'));
    times.put.push(await took(put));
    times.get.push(await took(get));
    rmSync(join(folder, 'G'));
  }
  for (const what of ['put', 'get'] as const) {
    const value = median(times[what]);
    const floor = median(times.floor);
    const note = `${Math.round(1024 / (value / 1000))} MiB/s; floor: sha256sum F && cp F G && sync G`;
    report({ name: `1 GiB, ${what}`, value, unit: 'ms', floor, ratioBudget: RATIO_BUDGET, note });
  }
} finally {
  rmSync(folder, { recursive: true });
  await server.stop();
}

async function took(what: () => Promise<void>): Promise<number> {
  const beganMs = performance.now();
  await what();
  return performance.now() - beganMs;
}

async function writeRandom(path: string): Promise<void> {
  const handle = await open(path, 'w');
  for (let at = 0; at < SIZE_BYTES; at += 64 * 1024 * 1024) await handle.write(randomBytes(64 * 1024 * 1024));
  await handle.sync();
  await handle.close();
}

function put(): Promise<void> {
  return exchange('PUT', (outgoing) => pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), outgoing));
}

function get(): Promise<void> {
  return exchange('GET', async (outgoing) => void outgoing.end());
}

async function exchange(method: 'PUT' | 'GET', send: (outgoing: ReturnType<typeof request>) => Promise<void>): Promise<void> {
  const { credentials, region } = optionsOf(server);
  const url = new URL(server.url + URL_PATH);
  const headers = signRequest({
    method,
    url,
    payloadHash: 'UNSIGNED-PAYLOAD',
    body: Buffer.alloc(0),
    service: 's3',
    region,
    credentials,
    nowMs: Date.now(),
  });
  const outgoing = request(url, { method, headers: { ...headers, ...(method === 'PUT' && { 'content-length': SIZE_BYTES }) } });
  const answered = new Promise<void>((resolve, reject) => {
    outgoing.on('error', reject).on('response', (response) => {
      if (response.statusCode !== 200) return reject(new Error(`${method} answered ${response.statusCode}`));
      pipeline(response, createWriteStream(method === 'GET' ? join(folder, 'G') : '/dev/null')).then(resolve, reject);
    });
  });
  await Promise.all([send(outgoing), answered]);
}
