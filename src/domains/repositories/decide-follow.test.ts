import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFollowSecret, parseTagSettings } from './decide-follow.ts';
import { decideDefaultBranch } from './decide-references.ts';

const settings = (tags: Record<string, string>) =>
  parseTagSettings(Object.entries(tags).map(([name, Value]) => ({ Key: `slipway:${name}`, Value })));

test('tags say what is followed and what is protected, and are refused where they make no sense', () => {
  assert.deepEqual(settings({}), {});
  assert.deepEqual(settings({ protected: 'main, release  x' }), { protected: ['main', 'release', 'x'] });
  assert.deepEqual(settings({ follow: 'https://h/x.git', 'follow-secret': 's', 'follow-seconds': '60' }), {
    follow: { url: 'https://h/x.git', secret: 's', intervalSeconds: 60 },
  });
  const senseless: Record<string, string>[] = [
    { follow: 'ssh://h/x' },
    { follow: 'https://u@h/x' },
    { follow: 'https://h/x', 'follow-seconds': '9' },
    { follow: 'https://h/x', 'follow-seconds': '1e3' },
    { follow: 'https://h/x y' },
  ];
  for (const tags of senseless) {
    assert.equal((settings(tags) as { code?: string }).code, 'InvalidTagsMapException', JSON.stringify(tags));
  }
});

test('a secret is JSON or the webhook’s secret alone', () => {
  assert.deepEqual(parseFollowSecret('plain'), { webhook: 'plain' });
  assert.deepEqual(parseFollowSecret('123'), { webhook: '123' });
  assert.deepEqual(parseFollowSecret('{"webhook":"w","password":"p","other":1,"username":2}'), { webhook: 'w', password: 'p' });
});

test('the default branch is one that is there, as soon as there is one', () => {
  const found = (...names: string[]) => names.map((name) => ({ name: `refs/heads/${name}`, id: '1'.repeat(40) }));
  assert.equal(decideDefaultBranch(undefined, found('a', 'main')), 'main');
  assert.equal(decideDefaultBranch('a', found('a', 'main')), 'a');
  assert.equal(decideDefaultBranch('master', found('a', 'trunk')), 'a', 'the remote that is followed renamed it');
  assert.equal(decideDefaultBranch('master', []), 'master');
  assert.equal(decideDefaultBranch(undefined, []), undefined);
});
