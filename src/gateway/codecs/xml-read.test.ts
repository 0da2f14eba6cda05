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
