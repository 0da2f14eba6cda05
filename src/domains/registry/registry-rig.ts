import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadService, serviceIds } from '../../../models/load.ts';
import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import { createAuthorizer } from '../../platform/authorization/authorizer.ts';
import type { PolicyDocument } from '../../platform/authorization/policy.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { createCalls, createDispatcher, type Dispatcher } from '../../platform/calls/dispatch.ts';
import type { Calls, Room } from '../../platform/calls/operation.ts';
import { systemClock } from '../../platform/clock.ts';
import { systemIds } from '../../platform/ids.ts';
import { createBlobStore, type LocalBlobStore } from '../../platform/objects/blob-store.ts';
import type { Store } from '../../platform/store/port.ts';
import { createSqliteStore } from '../../platform/store/sqlite/sqlite-store.ts';
import { createStorageRoom } from '../storage/room.ts';
import { createRegistryRoom } from './room.ts';

export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';
export const user = (name: string): Principal => ({
  kind: 'user',
  account: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/${name}`,
  userId: name,
  name,
});
export const IMAGE = '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1';

const ALL: PolicyDocument = { Statement: { Effect: 'Allow', Action: '*', Resource: '*' } };

/** The registry with a real store, real blobs and the S3 room, called as clients call. */
export class RegistryRig {
  readonly folder: string;
  readonly store: Store;
  readonly blobs: LocalBlobStore;
  readonly calls: Calls;
  readonly policies = new Map<string, PolicyDocument[]>([
    ['admin', [ALL]],
    ['SageMakerPipelineExecutionRole', [ALL]],
  ]);
  readonly settings = { approval: 'required' as 'required' | 'open' };
  #dispatcher: Dispatcher | undefined;

  constructor(folder = mkdtempSync(join(tmpdir(), 'slipway-registry-'))) {
    this.folder = folder;
    this.store = createSqliteStore({ path: join(folder, 'slipway.db'), clock: systemClock });
    this.blobs = createBlobStore({ folder: join(folder, 'blobs'), clock: systemClock, store: this.store });
    this.calls = createCalls(() => this.#dispatcher as Dispatcher, systemIds);
  }

  open(further: readonly Room[] = []): this {
    const { store, blobs, calls, settings } = this;
    const rooms = [
      createStorageRoom({ store, blobs, ids: systemIds, clock: systemClock }),
      createRegistryRoom({ store, calls, settings }),
      ...further,
    ];
    this.#dispatcher = createDispatcher({
      operations: rooms.flatMap(({ operations }) => operations),
      services: serviceIds.map(loadService),
      authorizer: createAuthorizer({ policiesOf: async ({ name }) => this.policies.get(name) ?? [] }, () =>
        rooms.flatMap(({ resources }) => resources),
      ),
      clock: systemClock,
      ids: systemIds,
      store,
    });
    return this;
  }

  call<N extends OperationName>(name: N, input: InputOf<N>, principal = user('admin')): Promise<OutputOf<N>> {
    return this.calls.call(principal, { region: REGION }, name, input);
  }

  async putObject(uri: string, content: string | Uint8Array): Promise<void> {
    const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
    await this.call('s3:CreateBucket', { Bucket: bucket }).catch((error: { code?: string }) => {
      if (!error.code?.startsWith('BucketAlready')) throw error;
    });
    const bytes = Buffer.from(content);
    await this.call('s3:PutObject', {
      Bucket: bucket,
      Key: key,
      Body: (async function* () {
        yield bytes;
      })(),
    });
  }

  async ledger(): Promise<string[]> {
    return (await this.store.ledger({ afterSequence: 0, limit: 1000 })).map(({ entry }) => entry.action);
  }

  async close(): Promise<void> {
    await this.blobs.stop();
    await this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const refusal =
  (code: string, message: RegExp) =>
  (error: { code?: string; message?: string }): boolean =>
    error.code === code && message.test(error.message ?? '');
