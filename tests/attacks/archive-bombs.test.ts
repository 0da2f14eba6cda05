import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';

const SHIM = resolve(import.meta.dirname, '../../src/backends/sandbox/shim');
type Said = Readonly<Record<string, string>>;

/** With what words each is refused. */
const TARS: Readonly<Record<string, RegExp>> = {
  name: /header of 8589934592 bytes is more than names and facts need/,
  'link name': /header of 8589934592 bytes/,
  facts: /header of 8589934592 bytes/,
  'facts for all': /header of 8589934592 bytes/,
  'endless sparse map': /sparse file of many pieces is not unpacked/,
  'sparse map as content': /sparse file of many pieces is not unpacked/,
  'too large': /unpacks to more than 1048576 bytes/,
  'chain of headers': /no readable tar/,
};
const ZIPS: Readonly<Record<string, RegExp>> = {
  large: /more than 1048576 bytes/,
  'says less': /no readable zip/,
  parent: /outside of its folder/,
  absolute: /outside of its folder/,
  backslash: /outside of its folder/,
  'parent inside': /outside of its folder/,
  'absolute link': /outside of its folder/,
  'link out': /outside of its folder/,
  'through link': /link/,
  'long link': /too long/,
  device: /device or pipe/,
};

suite('archives and layers that take more than they are large', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bombs-'));
  let said: { 'model data': Said; layer: Said; zip: Said; other: Said; escaped: string[] };
  before(() => {
    const program = join(import.meta.dirname, 'archive_bombs.py');
    said = JSON.parse(execFileSync('python3', ['-B', program, SHIM, folder], { encoding: 'utf8' }));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const allRefused = (found: Said, expected: Readonly<Record<string, RegExp>>): void => {
    assert.deepEqual(Object.keys(found), Object.keys(expected));
    for (const [name, words] of Object.entries(expected)) {
      assert.match(found[name] ?? '', /^refused: /, name);
      assert.match(found[name] ?? '', words, name);
    }
  };

  test('headers, maps and sizes of a tar that no memory holds are refused in words: model data', () => {
    allRefused(said['model data'], TARS);
  });
  test('… and layers of images, whose end is an end, too', () => {
    allRefused(said.layer, { ...TARS, 'endless end': /follow its end/ });
  });
  test('a zip gives no more than it says and there is room for; links and names of it lead nowhere else', () => {
    allRefused(said.zip, ZIPS);
    assert.deepEqual(said.escaped, []);
  });
  test('what only Python can unpack, with as much memory as its maker wants, is no archive', () => {
    assert.match(said.other['xz'] ?? '', /^refused: The archive is no readable tar\.gz/);
  });
});
