import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperationContext } from '../../../platform/calls/operation.ts';
import { BackendError } from '../../../platform/errors/families.ts';
import type { Environments } from '../environments.ts';
import type { FunctionsPorts } from '../ports.ts';
import { updateOperations } from './update-function.ts';

const principal = { kind: 'user', account: '1', arn: 'arn:aws:iam::1:user/admin', userId: 'A', name: 'admin' } as const;
const place = { account: '1', region: 'r' };
const context: OperationContext = { ...place, operation: 'lambda:DeleteFunction', requestId: 'q', nowMs: 1, principal };
const row = { key: { name: 'f' }, version: 1, document: { FunctionArn: 'arn', latest: {} } };

/** Each read gives the next of `reads`; no commit is answered. */
const deleting = (reads: (object | undefined | Error)[]) => {
  const store = {
    async get() {
      const next = reads.shift();
      if (next instanceof Error) throw next;
      return next;
    },
    list: async () => ({ rows: [] }),
    commit: async () => ({ outcome: 'unknown' }),
  };
  const environments = { retire() {} } as unknown as Environments;
  const operations = updateOperations({ store } as unknown as FunctionsPorts, environments);
  const found = operations.find(({ name }) => name === 'lambda:DeleteFunction');
  return found?.handle({ FunctionName: 'f' } as never, context);
};

test('a function that is gone after a commit without answer was deleted by it; one that cannot be read then was not', async () => {
  assert.deepEqual(await deleting([row, undefined]), { StatusCode: 204 });
  const unread = new BackendError('storage', 'The store could not be read.', { retryable: true });
  await assert.rejects(async () => deleting([row, unread]), unread);
  await assert.rejects(async () => deleting([undefined]), { code: 'ResourceNotFoundException' });
});
