import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { runToEnd, waitForChange, waitForEnd, type WorkCheck, type WorkTrial } from './work-suite.ts';
import type { WorkInput, WorkStream } from './work.ts';

const PIPE = '/opt/ml/input/data/train';

/** Inputs that come through named pipes. */
export function addStreamSuite(check: WorkCheck): void {
  check('a stream: an epoch per pipe, whose reader may leave early; the run ends whatever was not read', async (trial) => {
    const end = await runToEnd(
      trial,
      trial.spec('epochs', READ_EPOCHS, { inputs: [stream(trial, ['one ', 'two ', 'three'.repeat(100_000)])] }),
    );
    assert.equal(end.exitCode, 0, trial.lines('epochs').join('\n'));
    assert.deepEqual(trial.lines('epochs'), ['0 one two thr', '1 one two thr', '2 500008', '3 500008', 'pipes only True']);
  });

  check('a stream: gzip objects arrive unpacked, each part as a RecordIO record', async (trial) => {
    const items = [
      [{ entry: 0 }, { text: '{"label":1}' }],
      [{ entry: 1 }, { text: '"é"' }],
    ];
    const inputs = [stream(trial, [gzipSync('first'), gzipSync('')], { decompress: true, wrap: true, items })];
    const end = await runToEnd(trial, trial.spec('records', READ_RECORDS, { inputs }));
    assert.equal(end.exitCode, 0, trial.lines('records').join('\n'));
    assert.deepEqual(trial.lines('records'), [`[b'first', b'{"label":1}', b'', b'"\\xc3\\xa9"']`]);
  });

  check('a stream: another order in each epoch, the same for the same seed', async (trial) => {
    const inputs = [stream(trial, [...'abcdefghij'], { shuffleSeed: 7 })];
    const orders: string[][] = [];
    for (const id of ['shuffle-1', 'shuffle-2']) {
      await runToEnd(trial, trial.spec(id, READ_TWO, { inputs }));
      orders.push(trial.lines(id));
    }
    const [first = '', second = ''] = orders[0] ?? [];
    assert.deepEqual(orders[0], orders[1]);
    assert.notEqual(first, second);
    assert.equal([...first].toSorted().join(''), 'abcdefghij');
  });

  check('a stream goes on while no server lives', async (trial) => {
    await trial.backend.start(trial.spec('survives', READ_SLOWLY, { inputs: [stream(trial, ['x'.repeat(3_000_000)])] }));
    await waitForChange(trial.backend, 'survives', async () =>
      (await trial.backend.status('survives')).phase === 'running' ? true : undefined,
    );
    const next = trial.reopen();
    const end = await waitForEnd(next.backend, 'survives');
    assert.equal(end.exitCode, 0);
    assert.deepEqual(next.lines('survives'), ['3000000', '3000000']);
    next.close();
  });

  check('a stream that cannot be read to its end fails the work instead of ending early', async (trial) => {
    const broken = gzipSync('x'.repeat(1000)).subarray(0, 20);
    const end = await runToEnd(
      trial,
      trial.spec('broken', READ_SLOWLY, { inputs: [stream(trial, [broken], { decompress: true })] }),
    );
    assert.notEqual(end.exitCode, 0);
    assert.match(end.message ?? '', /^Channel train cannot be streamed: an object is no readable gzip file/);
  });
}

function stream(trial: WorkTrial, contents: readonly (string | Uint8Array)[], more: Partial<WorkStream> = {}): WorkInput {
  const entries = contents.map((content, n) => ({
    relativePath: `part-${n}`,
    digest: trial.store(content),
    sizeBytes: content.length,
  }));
  return { path: PIPE, access: 'read-only', entries, stream: { decompress: false, wrap: false, ...more } };
}

const READ_EPOCHS = `
import os, stat
for epoch in range(4):
    with open('${PIPE}_%d' % epoch, 'rb', buffering=0) as pipe:
        if epoch < 2:
            text = b''
            while len(text) < 11: text += pipe.read(11 - len(text))
            print(epoch, text.decode(), flush=True)
        else:
            print(epoch, len(pipe.readall()), flush=True)
found = os.listdir(os.path.dirname('${PIPE}'))
print('pipes only', all(stat.S_ISFIFO(os.stat(os.path.join(os.path.dirname('${PIPE}'), name)).st_mode) for name in found))`;

const READ_RECORDS = `
import struct
records, data = [], open('${PIPE}_0', 'rb').read()
while data:
    magic, length = struct.unpack('<II', data[:8])
    assert magic == 0xced7230a
    records.append(data[8:8 + length])
    data = data[8 + length + -length % 4:]
print(records)`;

const READ_TWO = `
for epoch in range(2): print(open('${PIPE}_%d' % epoch).read(), flush=True)`;

const READ_SLOWLY = `
import time
for epoch in range(2):
    total = 0
    with open('${PIPE}_%d' % epoch, 'rb', buffering=0) as pipe:
        while True:
            chunk = pipe.read(4096)
            if not chunk: break
            total += len(chunk)
            time.sleep(0.001)
    print(total, flush=True)`;
