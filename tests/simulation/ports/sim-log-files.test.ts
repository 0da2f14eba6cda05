import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createLogFiles } from '../../../src/platform/log-files.ts';
import type { LogFiles } from '../../../src/platform/ports/log-files.ts';
import { createRandom } from '../random.ts';
import { createSimLogDisk, openSimLogFiles } from './sim-log-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-sim-logs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const stream = (name: string) => ({ account: '123456789012', region: 'us-east-1', group: '/aws/x', stream: name });

test('the simulated log files answer whatever the real ones answer, from lines on', async () => {
  const real = createLogFiles({ folder });
  const disk = createSimLogDisk();
  const random = createRandom(11);
  const offsets: Record<string, number[]> = { a: [0], b: [0] };
  for (let round = 0; round < 600; round += 1) {
    const simulated = openSimLogFiles(disk);
    const name = random.pick(['a', 'b']);
    const at = stream(name);
    const fromByte = random.pick(offsets[name] ?? [0]);
    const limit = random.pick([1, 20, 100, 5000]);
    const lines = [{ timeMs: 1000 + round, text: random.pick(['x', 'two\nlines', '', 'é'.repeat(random.int(40)), '12 34']) }];
    const acts: ((files: LogFiles) => Promise<unknown>)[] = [
      (files) => files.append(at, lines),
      (files) => files.append(at, lines),
      (files) => files.read(at, fromByte, limit),
      (files) => files.sizeBytes(at),
      (files) => files.erase(at, fromByte),
      ...(random.chance(0.05) ? [(files: LogFiles) => files.remove(at)] : []),
    ];
    const act = random.pick(acts);
    if (act === acts[5]) offsets[name] = [0]; // offsets within lines are told of differently
    const [expected, found] = [await act(real), await act(simulated)];
    assert.deepEqual(found, expected, `round ${round}: ${act} ${fromByte} ${limit}`);
    const { events } = (expected ?? {}) as { events?: readonly { atByte: number }[] };
    for (const { atByte } of events ?? []) offsets[name]?.push(atByte);
  }
});
