import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFilterPattern } from './decide-filter-pattern.ts';

/** Which of the messages a pattern finds. */
function found(pattern: string, messages: readonly string[]): string[] {
  const parsed = parseFilterPattern(pattern);
  assert.equal(parsed.problem, undefined, pattern);
  return messages.filter((message) => parsed.problem === undefined && parsed.matches(message));
}

const LINES = ['[ERROR 400] BAD REQUEST', '[ERROR 401] UNAUTHORIZED REQUEST', '[ERROR 419] MISSING ARGUMENTS', 'all is well'];

test('words, phrases, optional and excluded ones, expressions', () => {
  const [bad, unauthorized, missing, well] = LINES as [string, string, string, string];
  for (const [pattern, expected] of [
    ['', LINES],
    ['ERROR', [bad, unauthorized, missing]],
    ['error', []],
    ['ERROR ARGUMENTS', [missing]],
    ['"BAD REQUEST"', [bad]],
    ['?BAD ?ARGUMENTS', [bad, missing]],
    ['ERROR -ARGUMENTS', [bad, unauthorized]],
    ['ERROR -"BAD REQUEST" -"[ERROR 419]"', [unauthorized]],
    ['-ERROR', [well]],
    ['ERROR ?BAD', [bad, unauthorized, missing]],
    ['%40[01]%', [bad, unauthorized]],
    ['-%4[01]\\d% is', [well]],
    ['  ERROR  ', [bad, unauthorized, missing]],
  ] as const) {
    assert.deepEqual(found(pattern, LINES), expected, pattern);
  }
  assert.deepEqual(found('"say \\"yes\\""', ['say "yes"', 'say yes']), ['say "yes"']);
});

test('members of messages that are JSON', () => {
  const login = { event: 'Login', user: { id: 1, mail: 'ann@example.com' }, tags: ['a', 'b'], ok: true, 'a-b': null, size: 1.5 };
  const update = { event: 'UpdateTrail', user: { id: 20 }, ok: false, address: '10.0.0.7', items: [{ n: 1 }, { n: 5 }] };
  const messages = {
    login: JSON.stringify(login),
    update: JSON.stringify(update),
    text: 'event = Login',
    broken: '{"event": "Login"',
  };
  for (const [pattern, expected] of [
    ['{ $.event = "Login" }', ['login']],
    ['{$.event=Login}', ['login']],
    ['{ $.event = "*Trail" }', ['update']],
    ['{ $.event = "U*T*l" }', ['update']],
    ['{ $.event != "Login" }', ['update']],
    ['{ $.user.id > 1 }', ['update']],
    ['{ $.user.id >= 1 && $.user.id < 20 }', ['login']],
    ['{ ($.user.id = 1) || ($.event = "UpdateTrail") }', ['login', 'update']],
    ['{ $.event = "Login" || $.event = "UpdateTrail" && $.user.id = 7 }', ['login']],
    ['{ $.tags[1] = "b" }', ['login']],
    ['{ $.items[*].n = 5 }', ['update']],
    ['{ $.ok IS TRUE }', ['login']],
    ['{ $.ok IS FALSE }', ['update']],
    ['{ $.a-b IS NULL }', ['login']],
    ["{ $.['a-b'] IS NULL }", ['login']],
    ['{ $.address NOT EXISTS }', ['login']],
    ['{ $.address = "10.0.*" }', ['update']],
    ['{ $.address = %10\\.0\\.0\\.\\d% }', ['update']],
    ['{ $.size = 1.5 }', ['login']],
    ['{ $.nothing = * }', []],
    ['{ $.user.mail = * }', ['login']],
  ] as const) {
    const names = found(pattern, Object.values(messages)).map(
      (text) => Object.entries(messages).find(([, message]) => message === text)?.[0],
    );
    assert.deepEqual(names, expected, pattern);
  }
});

test('what cannot be read is refused with the place', () => {
  for (const [pattern, problem] of [
    ['a:b', /Invalid character\(s\) in term 'a:b'/],
    ['"open', /quotation mark/],
    ['%(%', /regular expression/],
    ['{ $.a = 1', /closing brace/],
    ['{ a = 1 }', /cannot be read at 'a = 1'/],
    ['{ $.a ~ 1 }', /cannot be read at '~ 1'/],
    ['{ $.a < "x" }', /cannot be read/],
    ['{ ($.a = 1 }', /cannot be read/],
    [`{ ${'('.repeat(30)}$.a = 1${')'.repeat(30)} }`, /cannot be read/],
    ['[w1, w2', /closing bracket/],
    ['[..., w1, ...]', /one place only/],
    ['[w1 ~ 2]', /cannot be read at '~ 2'/],
  ] as const) {
    assert.match(parseFilterPattern(pattern).problem ?? '', problem, pattern);
  }
});

test('fields that are separated by spaces', () => {
  const ok = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 200 1534';
  const absent = '127.0.0.1 Prod frank [10/Oct/2000:13:35:22 -0700] "GET /x.jpg HTTP/1.0" 404 500';
  const short = 'ERROR no space left';
  const messages = [ok, absent, short];
  for (const [pattern, expected] of [
    ['[ip, user, name, when, request, status, size]', [ok, absent]],
    ['[ip, user, name, when, request, status = 404, size]', [absent]],
    ['[ip, user, name, when, request, status = 4*, size]', [absent]],
    ['[..., status = 2* || status = 4*, size > 1000]', [ok]],
    ['[ip, ..., request = "*html*", status, size]', [ok]],
    ['[ip = %127\\.0\\.0\\.\\d%, ...]', [ok, absent]],
    ['[level = ERROR, ...]', [short]],
    ['[a, b]', []],
    ['[a = "x, y", ...]', []],
  ] as const) {
    assert.deepEqual(found(pattern, messages), expected, pattern);
  }
});
