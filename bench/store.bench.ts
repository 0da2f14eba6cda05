import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/platform/clock.ts';
import { verifyLedger } from '../src/platform/ledger/verify.ts';
import type { Commit } from '../src/platform/store/port.ts';
import { createSqliteStore } from '../src/platform/store/sqlite/sqlite-store.ts';
import { report } from './figure.ts';

/**
 * Durable commits (a row, a timer, an event, a ledger entry each) with one and with 32 callers, and how fast the ledger is verified.
 * Floor: appending 4 KiB to a file and syncing it.
 */

const COMMITS = 2_000;
const SYNCS = 300;
const key = (name: string) => ({ account: '123456789012', region: 'us-east-1', kind: 'Bench', name });

function commitOf(name: string): Commit {
  const timeMs = Date.now();
  const document = {
    name,
    status: 'InProgress',
    arn: `arn:aws:sagemaker:us-east-1:123456789012:bench/${name}`,
    more: 'x'.repeat(600),
  };
  const about = { account: '123456789012', region: 'us-east-1', timeMs, resources: [document.arn] };
  return {
    expect: [{ key: key(name), version: 0 }],
    write: [{ key: key(name), document, index: { status: 'InProgress', createdAtMs: timeMs, modifiedAtMs: timeMs } }],
    timers: [{ reconciler: 'bench', key: key(name), dueAtMs: timeMs }],
    events: [{ ...about, source: 'aws.sagemaker', detailType: 'Bench', detail: { name } }],
    ledger: [{ ...about, actor: 'arn:aws:iam::123456789012:user/admin', action: 'sagemaker:Bench', outcome: 'done' }],
  };
}

function syncsPerSecond(folder: string): number {
  const file = openSync(join(folder, 'floor'), 'w');
  const block = Buffer.alloc(4096, 'x');
  const beganMs = performance.now();
  for (let n = 0; n < SYNCS; n += 1) {
    writeSync(file, block);
    fdatasyncSync(file);
  }
  closeSync(file);
  return (SYNCS / (performance.now() - beganMs)) * 1000;
}

const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const path = join(folder, 'slipway.db');
const store = createSqliteStore({ path, clock: systemClock });
for (const callers of [1, 32]) {
  const floor = syncsPerSecond(folder);
  const beganMs = performance.now();
  let next = 0;
  const caller = async () => {
    while (next < COMMITS) {
      next += 1;
      await store.commit(commitOf(`${callers}-${next}`));
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const value = (COMMITS / (performance.now() - beganMs)) * 1000;
  report({ name: `durable commits, ${callers} at once`, value, unit: '1/s', floor, note: 'floor: synced appends of 4 KiB' });
}
await store.close();
const beganMs = performance.now();
const verdict = verifyLedger(path);
if (!verdict.ok) throw new Error('The ledger of the bench does not verify.');
report({ name: 'ledger verified', value: (verdict.entries / (performance.now() - beganMs)) * 1000, unit: 'entries/s' });
rmSync(folder, { recursive: true });
