import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, test } from 'node:test';
import { createLogFiles } from './log-files.ts';

const root = fs.mkdtempSync(join(tmpdir(), 'slipway-logs-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));

const setUp = () => {
  const folder = fs.mkdtempSync(join(root, 'logs-'));
  return { folder, files: createLogFiles({ folder }) };
};
const stream = (group: string, name: string) => ({ account: '123456789012', region: 'us-east-1', group, stream: name });
const JOB = stream('/aws/sagemaker/TrainingJobs', 'my-job/algo-1-1700000000');

test('lines come back in order, page by page, whatever the limit', async () => {
  const { files } = setUp();
  const lines = Array.from({ length: 50 }, (_, count) => ({ timeMs: 1000 + count, text: `line ${count} ${'é'.repeat(count)}` }));
  await files.append(JOB, lines.slice(0, 20));
  await files.append(JOB, lines.slice(20));
  for (const limit of [1, 7, 64, 300, 100_000]) {
    const got: { timeMs: number; text: string }[] = [];
    let offset = 0;
    for (let page = await files.read(JOB, offset, limit); page.events.length > 0; page = await files.read(JOB, offset, limit)) {
      assert.equal(page.events[0]?.atByte, offset);
      got.push(...page.events.map(({ timeMs, text }) => ({ timeMs, text })));
      offset = page.nextOffset;
    }
    assert.deepEqual(got, lines, `limit ${limit}`);
    assert.equal(offset, await files.sizeBytes(JOB));
  }
});

test('half a line, as a full disk leaves it, does not run into the next', async () => {
  const { files } = setUp();
  fs.writeFileSync(await files.path(JOB), '5 whole\n6 hal');
  await files.append(JOB, [{ timeMs: 7, text: 'next' }]);
  const { events } = await files.read(JOB, 0, 1000);
  assert.deepEqual(
    events.map(({ timeMs, text }) => [timeMs, text]),
    [
      [5, 'whole'],
      [6, 'hal'],
      [7, 'next'],
    ],
  );
});

test('a half-written last line is left for later', async () => {
  const { files } = setUp();
  const path = await files.path(JOB);
  fs.writeFileSync(path, '5 whole\n6 hal');
  const first = await files.read(JOB, 0, 1000);
  assert.deepEqual(first, { events: [{ timeMs: 5, text: 'whole', atByte: 0 }], nextOffset: 8 });
  fs.appendFileSync(path, 'f\n');
  assert.deepEqual(await files.read(JOB, first.nextOffset, 1000), {
    events: [{ timeMs: 6, text: 'half', atByte: 8 }],
    nextOffset: 15,
  });
});

test('a line without end does not stop the reader, nor is it read at once', async () => {
  const { files } = setUp();
  fs.writeFileSync(await files.path(JOB), `7 ${'x'.repeat(2_500_000)}\n8 next\n`);
  const got: string[] = [];
  let offset = 0;
  for (let page = await files.read(JOB, 0, 4096); page.events.length > 0; page = await files.read(JOB, offset, 4096)) {
    for (const { text } of page.events) {
      assert.ok(text.length <= 1024 * 1024);
      got.push(text);
    }
    offset = page.nextOffset;
  }
  assert.equal(got.slice(0, -1).join(''), 'x'.repeat(2_500_000));
  assert.equal(got.at(-1), 'next');
});

test('text with line breaks becomes lines of the same time; odd lines of a script do no harm', async () => {
  const { files } = setUp();
  await files.append(JOB, [{ timeMs: 1, text: 'a\nb\r\nc' }]);
  fs.appendFileSync(await files.path(JOB), 'no time\n\n');
  assert.deepEqual(
    (await files.read(JOB, 0, 1000)).events.map(({ timeMs, text }) => [timeMs, text]),
    [
      [1, 'a'],
      [1, 'b'],
      [1, 'c'],
      [1, 'no time'],
      [1, ''],
    ],
  );
});

test('no name leaves the folder, and different names are different files', async () => {
  const { folder, files } = setUp();
  const names = [
    '..',
    '.',
    '../../x',
    '/abs',
    'a/b',
    'a%2Fb',
    'a.b',
    'a b',
    'ä',
    '\u0000',
    'x'.repeat(512),
    `${'x'.repeat(511)}y`,
    '~',
    '%',
  ];
  const paths = new Set<string>();
  for (const group of names) {
    for (const name of names) {
      const path = await files.path(stream(group, name));
      assert.equal(relative(folder, path).split('/').length, 4);
      assert.ok(!relative(folder, path).startsWith('..'));
      fs.writeFileSync(path, '');
      paths.add(path);
    }
  }
  assert.equal(paths.size, names.length ** 2);
});

test('an absent stream is empty, and removing is repeatable', async () => {
  const { files } = setUp();
  assert.deepEqual(await files.read(JOB, 3, 100), { events: [], nextOffset: 3 });
  assert.equal(await files.sizeBytes(JOB), 0);
  await files.append(JOB, [{ timeMs: 1, text: 'x' }]);
  await files.remove(JOB);
  await files.remove(JOB);
  assert.equal(await files.sizeBytes(JOB), 0);
});

test('whoever reads on from a place that was erased goes on behind it, also from within the mark', async () => {
  const { files } = setUp();
  await files.append(JOB, [{ timeMs: 1, text: 'first' }]);
  const { nextOffset } = await files.read(JOB, 0, 100);
  await files.append(
    JOB,
    Array.from({ length: 20 }, (_, count) => ({ timeMs: 2, text: `line ${count}` })),
  );
  const end = await files.sizeBytes(JOB);
  await files.append(JOB, [{ timeMs: 3, text: 'last' }]);
  await files.erase(JOB, end);
  for (const from of [0, nextOffset, 28, 60]) {
    assert.deepEqual(await files.read(JOB, from, 1000), { events: [], nextOffset: end }, `from ${from}`);
  }
  assert.equal((await files.read(JOB, end, 1000)).events[0]?.text, 'last');
});
