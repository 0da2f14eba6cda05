import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError } from '../../platform/errors/families.ts';
import { createVirtualClock } from '../../platform/virtual-clock.ts';
import type { Environment, Environments } from './environments.ts';
import { type InvocationDocument, invocationKey } from './invocations.ts';
import type { FunctionsPorts } from './ports.ts';
import { createInvocationReconciler } from './reconcile-invocation.ts';
import { FUNCTION } from './resources.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('an attempt whose record did not get through gives its environment back', async () => {
  const clock = createVirtualClock();
  const key = invocationKey({ account: '1', region: 'r' }, 'f', 'request');
  const document = {
    requestId: 'request',
    functionName: 'f',
    payload: '',
    kind: 'event',
    status: 'Queued',
    failures: 0,
    queuedAtMs: clock.now(),
    notBeforeMs: 0,
  } as InvocationDocument;
  const made: Environment[] = [];
  const released: Environment[] = [];
  const ports = {
    clock,
    log: { error() {}, warn() {} },
    loop: { wake() {} },
    store: {
      get: async ({ kind }: { kind: string }) =>
        kind === FUNCTION.kind ? { key, version: 1, document: { latest: { Timeout: 3 } } } : { key, version: 1, document },
      commit: async () => {
        throw new BackendError('storage', 'The store could not be written.', { retryable: true });
      },
    },
  } as unknown as FunctionsPorts;
  const environments = {
    all: () => made,
    async acquire() {
      const environment = { status: 'busy', document: { workId: `function-${made.length}` } } as Environment;
      made.push(environment);
      return environment;
    },
    release(environment: Environment) {
      delete environment.claimedBy;
      released.push(environment);
    },
  } as unknown as Environments;
  const { reconcile } = createInvocationReconciler(ports, environments);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await reconcile(key);
    await turn();
    clock.advance(60_000);
  }
  assert.equal(made.length, 3);
  assert.deepEqual(released, made.slice(0, 2), 'the last one goes back with the next attempt');
});
