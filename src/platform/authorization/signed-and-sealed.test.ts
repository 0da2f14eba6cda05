import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemIds } from '../ids.ts';
import { isSigned, openText, openToken, sameText, sealText, signText, signToken } from './signed-and-sealed.ts';

const KEY = '5a'.repeat(32);
const base64url = (text: string): string => Buffer.from(text).toString('base64url');

test('a signature holds for its text, its purpose and its key, and for nothing else', () => {
  const mark = signText(KEY, 'unsubscribe', 'arn:a');
  assert.match(mark, /^[\w-]{43}$/);
  assert.equal(isSigned(KEY, 'unsubscribe', 'arn:a', mark), true);
  assert.equal(isSigned(KEY, 'unsubscribe', 'arn:b', mark), false);
  assert.equal(isSigned(KEY, 'build-driver', 'arn:a', mark), false);
  assert.equal(isSigned('5b'.repeat(32), 'unsubscribe', 'arn:a', mark), false);
  for (const given of ['', mark.slice(0, -1), `${mark}A`, mark.toLowerCase()])
    assert.equal(isSigned(KEY, 'unsubscribe', 'arn:a', given), false);
});

test('a token opens with its key and for its purpose, and not when a character of it is another', () => {
  const key = Buffer.from(KEY, 'hex');
  const content = { workId: 'ü', untilMs: 5 };
  const token = signToken(key, 'work', content);
  assert.deepEqual(openToken(key, 'work', token), content);
  assert.equal(openToken(key, 'other', token), undefined);
  assert.equal(openToken(KEY, 'work', token), undefined);
  for (let at = 0; at < token.length; at += 1) {
    const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
    assert.equal(openToken(key, 'work', changed), undefined);
    assert.equal(openToken(key, 'work', token.slice(0, at)), undefined);
  }
});

/** Made by servers before this code: links in mails, tokens of running work and cookies are still theirs. */
test('what earlier servers gave out still opens', () => {
  assert.ok(isSigned(KEY, 'unsubscribe', 'arn:a', 'wSDc9hoshlVFA_Dc0MLNg_aqBDZq2Mh2tu6cWvJgEUE'));
  const ofWork = `${base64url('{"account":"123456789012","workId":"training-job-1"}')}.oiZzB-c6jKXWUcVJg2TdGCSgjoAx8EP5hSyMC-5N7Z0`;
  assert.deepEqual(openToken(KEY, 'work-credentials', ofWork), { account: '123456789012', workId: 'training-job-1' });
  const cookie = `${base64url('{"accessKeyId":"AKIA1","expiresAtMs":5}')}.qG6TeoeynoF8hMlZ8_zyjH3Fb1DAV9xI45mGeBOsZbk`;
  assert.deepEqual(openToken(Buffer.from(KEY, 'hex'), 'browser-session', cookie), { accessKeyId: 'AKIA1', expiresAtMs: 5 });
  assert.equal(openText(KEY, 'AXt0nx7DNfLsWsOwIOBA4lYD0eDwXqxUrTNqzk0bqGE4wVE', 'arn:b'), 'secret');
});

test('what is sealed opens only with its key and for what it is bound to', () => {
  const sealed = sealText(KEY, 'secret', 'arn:b', systemIds);
  assert.equal(openText(KEY, sealed, 'arn:b'), 'secret');
  assert.equal(openText(KEY, sealed, 'arn:c'), undefined);
  assert.equal(openText('5b'.repeat(32), sealed, 'arn:b'), undefined);
});

test('texts are the same when every byte is', () => {
  assert.ok(sameText('', ''));
  assert.ok(sameText('für', 'für'));
  for (const given of ['', 'fü', 'fürs', 'fuer', 'fur']) assert.equal(sameText('für', given), false);
});
