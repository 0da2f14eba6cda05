import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import { callsOf } from '../../platform/calls/room-rig.ts';
import { systemIds } from '../../platform/ids.ts';
import type { Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { RECORD_ONLY } from './resources.ts';
import { createStudioRoom } from './room.ts';

type Call = <N extends OperationName>(name: N, input: InputOf<N>, requestId?: string) => Promise<OutputOf<N>>;

const withStudio = (run: (call: Call, store: Store) => Promise<void>) =>
  withSqliteStore(async ({ store }) => {
    const roles = { resolve: async (_account: string, roleArn: string) => ({ effectiveRoleArn: roleArn }) };
    const { operations } = createStudioRoom({ store, ids: systemIds, roles });
    const operate = callsOf(operations, () => Date.now());
    const call: Call = (operation, input, requestId = systemIds.uuid()) => operate(operation, input, { requestId });
    await run(call, store);
  });

const newDomain = async (call: Call) =>
  (await call('sagemaker:CreateDomain', { DomainName: 'team', AuthMode: 'IAM', DefaultUserSettings: {} })).DomainId ?? '';

test('every description and every ledger entry says that there is only a record', () =>
  withStudio(async (call, store) => {
    const DomainId = await newDomain(call);
    await call('sagemaker:CreateUserProfile', { DomainId, UserProfileName: 'ada' });
    const profile = await call('sagemaker:DescribeUserProfile', { DomainId, UserProfileName: 'ada' });
    assert.deepEqual([profile.Status, profile.FailureReason], ['InService', RECORD_ONLY]);
    const ledger = await store.ledger({ afterSequence: 0, limit: 10 });
    assert.deepEqual(
      ledger.map(({ entry }) => [entry.action, entry.reason]),
      [
        ['sagemaker:CreateDomain', RECORD_ONLY],
        ['sagemaker:CreateUserProfile', RECORD_ONLY],
      ],
    );
  }));

test('a domain that goes while a profile is made leaves no profile behind', () =>
  withStudio(async (call) => {
    for (let round = 0; round < 30; round += 1) {
      const DomainId = await newDomain(call);
      const [made, gone] = await Promise.allSettled([
        call('sagemaker:CreateUserProfile', { DomainId, UserProfileName: 'ada' }),
        call('sagemaker:DeleteDomain', { DomainId }),
      ]);
      assert.notEqual(made.status, gone.status, 'one of the two is refused');
      const { UserProfiles = [] } = await call('sagemaker:ListUserProfiles', { DomainIdEquals: DomainId });
      assert.equal(UserProfiles.length, made.status === 'fulfilled' ? 1 : 0);
    }
  }));

test('a call whose answer was lost and that is made again changes nothing twice', () =>
  withStudio(async (call, store) => {
    const notebook = {
      NotebookInstanceName: 'lab',
      InstanceType: 'ml.t3.medium',
      RoleArn: 'arn:aws:iam::123456789012:role/R',
    } as const;
    for (const _attempt of [1, 2]) await call('sagemaker:CreateNotebookInstance', notebook, 'create');
    for (const _attempt of [1, 2]) await call('sagemaker:StopNotebookInstance', { NotebookInstanceName: 'lab' }, 'stop');
    assert.equal((await store.ledger({ afterSequence: 0, limit: 10 })).length, 2);
    await assert.rejects(call('sagemaker:StopNotebookInstance', { NotebookInstanceName: 'lab' }), {
      message: /^Status \(Stopped\) not in \(\[InService\]\)\. Unable to transition to \(Stopping\)/,
    });
  }));
