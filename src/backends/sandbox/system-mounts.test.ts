import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemMounts } from './system-mounts.ts';

test('a data folder inside a system folder stays hidden', () => {
  assert.ok(
    systemMounts(['/usr/src/app/.slipway'], '/etc').some(
      (mount) => mount.kind === 'empty' && mount.to === '/usr/src/app/.slipway',
    ),
  );
  assert.ok(!systemMounts(['/srv/slipway'], '/etc').some((mount) => mount.kind === 'empty'));
});
