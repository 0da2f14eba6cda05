import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { isHookSigned } from './hook-signature.ts';

const body = Buffer.from('{"a":1}');
const hmac = (algorithm: string, secret = 's') => createHmac(algorithm, secret).update(body).digest('hex');

test('a message is signed in one of the known forms, or not', () => {
  const signed: Record<string, string>[] = [
    { 'x-hub-signature-256': `sha256=${hmac('sha256')}` },
    { 'x-hub-signature': `sha256=${hmac('sha256').toUpperCase()}` },
    { 'x-hub-signature': `sha1=${hmac('sha1')}` },
    { 'x-gitea-signature': hmac('sha256') },
    { 'x-gitlab-token': 's' },
  ];
  for (const headers of signed) {
    const [[name = '', value = ''] = []] = Object.entries(headers);
    assert.equal(isHookSigned(headers, body, 's'), true, JSON.stringify(headers));
    assert.equal(isHookSigned(headers, body, 'other'), false, JSON.stringify(headers));
    assert.equal(isHookSigned({ [name]: value.slice(0, -1) }, body, 's'), false, `${name}, cut`);
    assert.equal(isHookSigned({ [name]: [value, value] }, body, 's'), false, `${name}, twice`);
    if (name !== 'x-gitlab-token')
      assert.equal(isHookSigned(headers, Buffer.from('{"a":2}'), 's'), false, `${name}, another body`);
  }
  assert.equal(isHookSigned({}, body, 's'), false);
});

test('an empty secret signs nothing, and one HMAC does not pass for another', () => {
  assert.equal(isHookSigned({ 'x-gitlab-token': '' }, body, ''), false);
  assert.equal(isHookSigned({ 'x-hub-signature-256': `sha256=${hmac('sha256', '')}` }, body, ''), false);
  assert.equal(isHookSigned({ 'x-hub-signature': `sha1=${hmac('sha256')}` }, body, 's'), false);
  assert.equal(isHookSigned({ 'x-hub-signature-256': `sha1=${hmac('sha1')}` }, body, 's'), false);
});

test('a wrong signature is not made good by another header', () => {
  const wrong = { 'x-hub-signature-256': `sha256=${hmac('sha256', 'wrong')}` };
  assert.equal(isHookSigned({ ...wrong, 'x-hub-signature': `sha1=${hmac('sha1')}` }, body, 's'), false);
  assert.equal(isHookSigned({ ...wrong, 'x-gitlab-token': 's' }, body, 's'), false);
});
