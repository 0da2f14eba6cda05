import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyReader } from './answer-body.ts';
import { parseAnswerHead } from './answer-head.ts';

const head = (...lines: string[]) => parseAnswerHead(lines.join('\r\n'));

test('a head says how its body ends and whether the connection goes on', () => {
  const framing = (...lines: string[]) => {
    const found = head(...lines);
    return found && [found.framing, found.length, found.keepsAlive];
  };
  assert.deepEqual(framing('HTTP/1.1 200 OK', 'Content-Length: 5'), ['length', 5, true]);
  assert.deepEqual(framing('HTTP/1.1 200', 'transfer-encoding: Chunked'), ['chunked', 0, true]);
  assert.deepEqual(framing('HTTP/1.1 200 OK'), ['close', 0, false]);
  assert.deepEqual(framing('HTTP/1.1 204 No Content', 'content-length: 9'), ['none', 0, true]);
  assert.deepEqual(framing('HTTP/1.0 200 OK', 'content-length: 1'), ['length', 1, false]);
  assert.deepEqual(framing('HTTP/1.0 200 OK', 'content-length: 1', 'connection: keep-alive'), ['length', 1, true]);
  assert.deepEqual(framing('HTTP/1.1 200 OK', 'content-length: 1', 'Connection: close'), ['length', 1, false]);
  assert.deepEqual(head('HTTP/1.1 200 OK', 'a: 1', 'A:  2 ', '__proto__: x')?.headers['a'], '1, 2');
});

test('a head that could be read in two ways is none', () => {
  for (const lines of [
    ['HTTP/2 200 OK'],
    ['ICY 200 OK'],
    ['HTTP/1.1 99 Low'],
    ['HTTP/1.1 200 OK', 'content-length: 5', 'transfer-encoding: chunked'],
    ['HTTP/1.1 200 OK', 'content-length: 5', 'content-length: 6'],
    ['HTTP/1.1 200 OK', 'content-length: -1'],
    ['HTTP/1.1 200 OK', 'content-length: 0x5'],
    ['HTTP/1.1 200 OK', 'transfer-encoding: gzip, chunked'],
    ['HTTP/1.1 200 OK', 'no colon'],
    ['HTTP/1.1 200 OK', 'space : x'],
    ['HTTP/1.1 200 OK', ' folded: x'],
    ['HTTP/1.1 200 OK', 'x: a\nset-cookie: b'],
  ]) {
    assert.equal(head(...lines), undefined, JSON.stringify(lines));
  }
});

/** The text of a body that arrives in pieces of every size. */
function everyWay(framing: 'length' | 'chunked' | 'close', length: number, wire: string): Set<string> {
  const found = new Set<string>();
  for (let size = 1; size <= wire.length; size += 1) {
    const reader = new BodyReader({ framing, length });
    let text = '';
    for (let at = 0; at < wire.length; at += size) text += Buffer.concat(reader.read(Buffer.from(wire.slice(at, at + size))));
    found.add(`${text}|${reader.status}|${reader.excessBytes > 0}`);
  }
  return found;
}

test('a body comes out the same, however it is cut on its way', () => {
  const all = (...given: Parameters<typeof everyWay>) => [...everyWay(...given)];
  assert.deepEqual(all('length', 5, 'hello'), ['hello|ended|false']);
  assert.deepEqual(all('length', 5, 'hello!!'), ['hello|ended|true']);
  assert.deepEqual(all('length', 6, 'hello'), ['hello|reading|false']);
  assert.deepEqual(all('chunked', 0, '5\r\nhello\r\n1;x=y\r\n \r\nA\r\nto\r\nall of\r\n0\r\n\r\n'), [
    'hello to\r\nall of|ended|false',
  ]);
  assert.deepEqual(all('chunked', 0, '2\r\nhi\r\n0\r\ntrailer: x\r\n\r\n'), ['hi|ended|false']);
  assert.deepEqual(all('chunked', 0, '2\r\nhi\r\n0\r\n'), ['hi|reading|false']);
  assert.deepEqual(all('close', 0, 'anything'), ['anything|reading|false']);
});

test('chunks that lie about themselves end the connection', () => {
  for (const wire of ['2\r\nhello\r\n', 'x\r\n', '-1\r\n', '\r\n', '123456789\r\n', `${'1'.repeat(2000)}`]) {
    const reader = new BodyReader({ framing: 'chunked', length: 0 });
    reader.read(Buffer.from(wire));
    assert.equal(reader.status, 'malformed', wire.slice(0, 20));
  }
});

test('the end of the connection is the end of the body only where nothing else tells', () => {
  const reader = new BodyReader({ framing: 'close', length: 0 });
  assert.equal(reader.endOfConnection(), true);
  assert.equal(new BodyReader({ framing: 'length', length: 1 }).endOfConnection(), false);
  assert.equal(new BodyReader({ framing: 'chunked', length: 0 }).endOfConnection(), false);
});
