import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostsFile, systemMounts } from './system-mounts.ts';

test('a data folder inside a system folder stays hidden', () => {
  assert.ok(
    systemMounts(['/usr/src/app/.slipway'], '/etc').some(
      (mount) => mount.kind === 'empty' && mount.to === '/usr/src/app/.slipway',
    ),
  );
  assert.ok(!systemMounts(['/srv/slipway'], '/etc').some((mount) => mount.kind === 'empty'));
});

test('several hosts have loopback addresses of their own, the same for each of them and other ones in another job', () => {
  const file = hostsFile(['algo-1', 'algo-2'], 'job');
  assert.match(file, /^127\.0\.0\.1 localhost\n(127\.\d+\.\d+\.)1 algo-1\n\1{1}2 algo-2\n::1 localhost/);
  assert.equal(file, hostsFile(['algo-1', 'algo-2'], 'job'));
  assert.notEqual(file, hostsFile(['algo-1', 'algo-2'], 'other'));
  assert.match(hostsFile(['algo-1'], 'job'), /^127\.0\.0\.1 localhost algo-1\n/);
});
