import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServiceError } from '../../platform/errors/families.ts';
import { createSqliteStore } from '../../platform/store/sqlite/sqlite-store.ts';
import { createVirtualClock } from '../../platform/virtual-clock.ts';
import { type DeniedSecrets, hearMessage } from './follow.ts';
import type { OwnPorts } from './ports.ts';
import { referencesKey, REPOSITORY_FOLLOW, repositoryKey } from './resources.ts';

const PLACE = { account: '111122223333', region: 'us-east-1' };
const ID = '0b0c8d1e-0000-4000-8000-000000000001';

test('a secret that may not be read is asked for once until the repository changes, whatever is posted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-follow-'));
  const clock = createVirtualClock(1_000);
  const store = createSqliteStore({ path: join(folder, 'slipway.db'), clock });
  let asked = 0;
  let mayRead = false;
  const calls = {
    call: async () => {
      asked += 1;
      if (!mayRead) throw new ServiceError('AccessDeniedException', 'not authorized');
      return { SecretString: 'agreed' };
    },
  };
  const own = { store, clock, calls, settings: PLACE } as unknown as OwnPorts;
  const key = repositoryKey(PLACE, 'hooked');
  const follow = { url: 'https://git.example.com/a.git', secret: 'hook', intervalSeconds: 300, sender: {} };
  const index = { createdAtMs: 1, modifiedAtMs: 1 };
  const references = { key: referencesKey(PLACE, ID), document: { repositoryName: 'hooked', references: {}, peeled: {} }, index };
  const denied: DeniedSecrets = new Map();
  const hear = () => hearMessage(own, denied, ID, { 'x-gitlab-token': 'agreed' }, new Uint8Array());
  try {
    await store.commit({ expect: [], write: [references, { key, document: { id: ID, name: 'hooked', follow }, index }] });
    for (let times = 0; times < 3; times += 1) assert.equal(await hear(), false);
    assert.equal(asked, 1);
    mayRead = true;
    await store.commit({ expect: [], write: [{ key, document: { id: ID, name: 'hooked', follow }, index }] });
    assert.equal(await hear(), true);
    assert.deepEqual(
      (await store.timers({ limit: 10 })).map(({ reconciler }) => reconciler),
      [REPOSITORY_FOLLOW],
    );
    assert.equal(await hearMessage(own, denied, 'f'.repeat(36), {}, new Uint8Array()), false);
    assert.equal(asked, 2, 'for an id that is none nothing is asked');
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
