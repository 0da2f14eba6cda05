import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { zipOf } from '../../domains/functions/functions-rig.ts';
import { findZipDirectory, findZipEntry, leadsOut, readZipDirectory } from './decide-zip.ts';

test('a zip file tells its members and their size; whatever is cut or changed in it never makes the reader fail', () => {
  const bytes = zipOf({ 'a.py': 'x = 1', 'b/c.py': 'y'.repeat(1000) });
  const directory = findZipDirectory(bytes, bytes.length);
  assert.ok(directory);
  const read = readZipDirectory(bytes.subarray(directory.startByte, directory.endByte), directory.entries);
  assert.deepEqual(read, { names: ['a.py', 'b/c.py'], unpackedBytes: 1005 });
  assert.equal(findZipDirectory(Buffer.from('no zip'), 6), undefined);
  for (let at = 0; at < bytes.length; at += 1) {
    const cut = bytes.subarray(0, at);
    assert.equal(findZipDirectory(cut, cut.length), undefined);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    const found = findZipDirectory(changed, changed.length);
    if (found) readZipDirectory(changed.subarray(found.startByte, found.endByte), found.entries);
  }
  assert.deepEqual(['a/b', '../a', 'a/../../b', '/a', '\\a', 'a\\..\\..\\b', 'a..b/c'].map(leadsOut), [
    false,
    true,
    true,
    true,
    true,
    true,
    false,
  ]);
});

test('a zip file that says less of itself than a reader unpacks is none', () => {
  const whole = zipOf({ 'a.py': 'x = 1', 'b.py': 'y'.repeat(1000) });
  const end = whole.lastIndexOf(Buffer.from('PK\x05\x06'));
  const fewer = Buffer.from(whole);
  fewer.writeUInt16LE(1, end + 10); // entries: Python goes on to the directory's end
  const directory = findZipDirectory(fewer, fewer.length);
  assert.ok(directory);
  assert.equal(findZipEntry(fewer, 'a.py'), 'its directory is damaged');
  assert.equal(readZipDirectory(fewer.subarray(directory.startByte, directory.endByte), directory.entries), undefined);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1'); // of a second directory, which Python prefers
  const twice = Buffer.concat([whole.subarray(0, end), locator, whole.subarray(end)]);
  assert.equal(findZipDirectory(twice, twice.length), undefined);
  assert.match(String(findZipEntry(twice, 'a.py')), /second directory/);
});

test('one file of an archive is found, also behind something else; of two by one name neither is', () => {
  const whole = zipOf({ 'a.py': 'x = 1', 'b/c.py': 'y'.repeat(1000) });
  const textOf = (bytes: Buffer, path: string) => {
    const entry = findZipEntry(bytes, path);
    assert.ok(typeof entry === 'object', String(entry));
    return inflateRawSync(bytes.subarray(entry.startByte, entry.endByte)).toString();
  };
  assert.equal(textOf(whole, 'b/c.py'), 'y'.repeat(1000));
  assert.equal(textOf(Buffer.concat([Buffer.from('#!/bin/sh\n'), whole]), 'a.py'), 'x = 1');
  assert.equal(findZipEntry(whole, 'c.py'), undefined);
  const same = Buffer.from(zipOf({ 'a.py': 'x = 1', 'b.py': 'x = 2' }).toString('latin1').replaceAll('b.py', 'a.py'), 'latin1');
  assert.equal(findZipEntry(same, 'a.py'), 'it holds the file more than once');
  const beyond = Buffer.from(whole);
  beyond.writeUInt32LE(0x7fffffff, whole.indexOf('PK\x01\x02') + 20); // the size of what is packed
  assert.equal(findZipEntry(beyond, 'a.py'), 'it ends in the middle of a file');
});
