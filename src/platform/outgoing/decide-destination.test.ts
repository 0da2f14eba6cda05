import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressProblem, isOutgoingRule, parseDestination } from './decide-destination.ts';

const own = { addresses: ['192.0.2.7', 'fd12::7'], ports: [7600, 7601] };
const open = { deny: [], allow: [] };
const problem = (address: string, port = 80, rules: { deny: string[]; allow: string[] } = open, host = address) =>
  addressProblem(address, { host, port }, rules, own);

test('metadata, link-local and multicast addresses are refused in each of their spellings', () => {
  const refused = [
    '169.254.169.254',
    'fe80::1%eth0',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
  ];
  for (const address of [...refused, '2002:a9fe:a9fe::1', '100.100.100.200', '224.0.0.1', 'ff02::1']) {
    assert.match(problem(address) ?? '', /never sends to/, address);
  }
  assert.match(problem('169.254.169.254', 80, { deny: [], allow: ['169.254.0.0/16'] }) ?? '', /never sends to/);
});

test('this server is refused under every address of this machine, other programs on it are not', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1', '192.0.2.7', 'fd12::7']) {
    assert.match(problem(address, 7600) ?? '', /this server itself/, address);
    assert.match(problem(address, 7601) ?? '', /this server itself/, address);
    assert.equal(problem(address, 8080), undefined, address);
  }
  assert.equal(problem('198.51.100.1', 7600), undefined);
});

test('deny wins over allow; allow, when it says anything, is all that may be reached', () => {
  assert.match(problem('10.1.2.3', 80, { deny: ['10.0.0.0/8'], allow: ['10.1.2.3'] }) ?? '', /outgoing\.deny/);
  assert.match(problem('198.51.100.1', 80, { deny: [], allow: ['*.example.com'] }, 'example.com') ?? '', /outgoing\.allow/);
  assert.equal(problem('198.51.100.1', 80, { deny: [], allow: ['*.example.com'] }, 'hooks.example.com'), undefined);
  assert.match(
    problem('198.51.100.1', 80, { deny: ['Hooks.example.com'], allow: [] }, 'hooks.example.com') ?? '',
    /outgoing\.deny/,
  );
  assert.deepEqual(['10.0.0.0/8', '*.example.com', 'localhost', '10.0.0.0/33', 'a b', ''].map(isOutgoingRule), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('only http and https without credentials are destinations', () => {
  for (const url of ['ftp://example.com/', 'file:///etc/passwd', 'http://u:p@example.com/', 'nonsense', 'gopher://x']) {
    assert.ok('problem' in parseDestination(url), url);
  }
  const hex = parseDestination('http://0x7f.1:7600/');
  assert.ok('host' in hex && hex.host === '127.0.0.1' && hex.port === 7600);
  const six = parseDestination('https://[::1]/x');
  assert.ok('host' in six && six.host === '::1' && six.port === 443);
});
