import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FLUSH,
  forbidsRewriting,
  isReferenceName,
  parsePushHead,
  parseReport,
  pktLine,
  printPushHead,
  printReport,
  rejectCommand,
} from './decide-push.ts';

const ZERO = '0'.repeat(40);
const ONE = '1'.repeat(40);
const TWO = '2'.repeat(40);
const command = (before: string, after: string, name: string, capabilities = '') =>
  pktLine(`${before} ${after} ${name}${capabilities && `\0 ${capabilities}`}`);

test('the head of a push is read once it is whole, however it is cut, and printed again as it was', () => {
  const head = Buffer.concat([
    pktLine(`shallow ${TWO}`),
    command(ZERO, ONE, 'refs/heads/main', 'report-status side-band-64k'),
    command(ONE, ZERO, 'refs/tags/v1'),
    FLUSH,
  ]);
  const body = Buffer.concat([head, Buffer.from('PACK…')]);
  for (let size = 0; size < head.length; size += 1) assert.equal(parsePushHead(body.subarray(0, size)), undefined);
  const parsed = parsePushHead(body);
  assert.ok(typeof parsed === 'object');
  assert.equal(parsed.sizeBytes, head.length);
  assert.deepEqual(parsed.capabilities, ['report-status', 'side-band-64k']);
  assert.deepEqual(parsed.commands, [
    { before: ZERO, after: ONE, name: 'refs/heads/main' },
    { before: ONE, after: ZERO, name: 'refs/tags/v1' },
  ]);
  const printed = printPushHead(parsed, parsed.commands);
  assert.deepEqual(parsePushHead(printed), { ...parsed, sizeBytes: printed.length });
});

test('what is no head of a push is told apart from one that is not there yet', () => {
  for (const text of ['PACK', '0003', 'zzzz', '0008evil0000', '0011push-cert\0 x\n0000'])
    assert.equal(typeof parsePushHead(Buffer.from(text)), 'string', text);
  assert.equal(parsePushHead(Buffer.from('00')), undefined);
  assert.deepEqual(parsePushHead(FLUSH), { commands: [], shallow: [], capabilities: [], sizeBytes: 4 });
});

test('a report is read and printed in each form that clients ask for', () => {
  const lines = ['ok refs/heads/main', `ng refs/heads/other ${'why '.repeat(15_000)}`.slice(0, 65_000), 'ng refs/tags/v1 why'];
  for (const form of [['report-status'], ['report-status', 'side-band-64k'], ['report-status-v2', 'side-band']]) {
    const messages = form.length > 1 ? [Buffer.from('a word')] : [];
    const printed = printReport({ unpack: 'ok', lines, messages }, form);
    assert.deepEqual(parseReport(printed, form), { unpack: 'ok', lines, messages });
  }
  assert.equal(printReport({ unpack: 'ok', lines, messages: [] }, []).length, 0);
  assert.equal(parseReport(Buffer.from('no report'), ['report-status']), undefined);
});

test('names of references are git’s, below refs/, and not ours', () => {
  for (const name of ['refs/heads/main', 'refs/heads/a/b-c.d', 'refs/tags/v1.0', 'refs/notes/commits', 'refs/heads/ü'])
    assert.ok(isReferenceName(name), name);
  const bad = [
    'HEAD',
    'refs/x',
    'refs/heads/',
    'refs/heads/a..b',
    'refs/heads/.a',
    'refs/heads/a.lock',
    'refs/heads/a b',
    'refs/slipway/x',
  ];
  for (const name of [
    ...bad,
    'refs/heads/../../config',
    'refs/heads/-x',
    'refs/heads/a\n',
    'refs/heads/a\\b',
    'refs/heads/a@{1}',
    'refs//a',
  ]) {
    assert.ok(!isReferenceName(name), name);
  }
});

test('protected branches, followers and the most references are refused reference by reference', () => {
  const rules = { protected: ['main'], known: { 'refs/heads/main': ONE } };
  const of = (after: string, name: string, more = {}) => rejectCommand({ before: ONE, after, name }, { ...rules, ...more });
  assert.match(of(ZERO, 'refs/heads/main') ?? '', /protected/);
  assert.equal(of(TWO, 'refs/heads/main'), undefined);
  assert.equal(of(ZERO, 'refs/heads/other'), undefined);
  assert.equal(of(ZERO, 'refs/tags/main'), undefined);
  assert.match(of(TWO, 'refs/heads/main', { follows: 'https://x' }) ?? '', /follows https:\/\/x/);
  const known = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`refs/tags/${index}`, ONE]));
  assert.match(of(TWO, 'refs/tags/new', { known }) ?? '', /the most/);
  assert.equal(of(TWO, 'refs/tags/7', { known }), undefined);
  const commands = [{ before: ONE, after: TWO, name: 'refs/heads/main' }];
  assert.deepEqual([forbidsRewriting(commands, rules), forbidsRewriting(commands, { protected: ['x'] })], [true, false]);
});
