import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../../models/load.ts';
import { parseXml, readElement } from './xml-read.ts';

const keyOf = (text: string): unknown => {
  const { node } = parseXml(`<Tag><Key>${text}</Key></Tag>`);
  return (readElement(loadService('s3'), { shape: 'Tag' }, node) as { Key: unknown }).Key;
};

test('character references are decoded', () => {
  assert.equal(keyOf('a&#x41;&#66;&lt;&#x1F600;'), 'aAB<\u{1f600}');
});

test('references to what is no character are refused', () => {
  for (const text of ['&#0;', '&#xD800;', '&#xdfff;', '&#x110000;', '&#9999999;']) {
    assert.throws(() => keyOf(text), { code: 'MalformedXML' }, text);
  }
});

test('a document of ten thousand parts is read, one of a million tags is refused before it is parsed', () => {
  const part = `<Part>${['ChecksumCRC32', 'ChecksumSHA256', 'ETag', 'PartNumber'].map((name) => `<${name}>1</${name}>`).join('')}</Part>`;
  assert.equal(parseXml(`<All>${part.repeat(10_000)}</All>`).name, 'All');
  assert.throws(() => parseXml(`<All>${part.repeat(100_000)}</All>`), { code: 'MalformedXML' });
});
