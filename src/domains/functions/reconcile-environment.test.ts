import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '../../platform/virtual-clock.ts';
import { Environments } from './environments.ts';
import type { FunctionsPorts } from './ports.ts';
import { createEnvironmentReconciler } from './reconcile-environment.ts';
import { type EnvironmentDocument, environmentKey } from './resources.ts';

test('an environment whose process is gone is given to no invocation, also when the answer to its removal is lost', async () => {
  const key = environmentKey({ account: '1', region: 'r', kind: 'Function', name: 'f' }, 'one');
  const document = { functionName: 'f', workId: 'function-one', memoryMiB: 128, createdAtMs: 0 } as EnvironmentDocument;
  let row: object | undefined = { key, version: 1, document };
  const ports = {
    clock: createVirtualClock(),
    admission: { restore() {}, release() {}, onAdmitted: () => () => {} },
    store: {
      get: async () => row,
      commit: async () => {
        row = undefined;
        return { outcome: 'unknown', reason: 'the answer was lost' };
      },
    },
    backend: {
      status: async () => ({ phase: 'ended', reason: 'lost', endedAtMs: 1, isolation: 'none' }),
      release: async () => {},
    },
  } as unknown as FunctionsPorts;
  const environments = new Environments(ports);
  environments.adopt(key, document).status = 'idle';
  const { reconcile } = createEnvironmentReconciler(ports, environments);
  await reconcile(key);
  assert.equal(environments.find(key)?.status, 'ending');
  await reconcile(key);
  assert.deepEqual(environments.all(), []);
});
