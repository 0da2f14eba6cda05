import type { Room } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import { deleteSecret, restoreSecret } from './operations/end-secrets.ts';
import {
  batchGetSecretValue,
  describeSecret,
  getRandomPassword,
  getSecretValue,
  listSecrets,
  listSecretVersionIds,
} from './operations/read-secrets.ts';
import { tagResource, untagResource } from './operations/secret-tags.ts';
import { createSecret, putSecretValue, updateSecret, updateSecretVersionStage } from './operations/write-secrets.ts';
import { deletionReconciler } from './reconcile-deletion.ts';
import { SECRET } from './resources.ts';
import type { SecretsPorts } from './ports.ts';

/** Secrets Manager: values lie sealed in rows of their own, and are nowhere else. */
export function createSecretsRoom(ports: SecretsPorts & { readonly clock: Clock }): Room {
  return {
    name: 'secrets',
    operations: [
      createSecret(ports),
      putSecretValue(ports),
      updateSecret(ports),
      updateSecretVersionStage(ports),
      getSecretValue(ports),
      batchGetSecretValue(ports),
      describeSecret(ports),
      listSecrets(ports),
      listSecretVersionIds(ports),
      getRandomPassword(ports),
      deleteSecret(ports),
      restoreSecret(ports),
      tagResource(ports),
      untagResource(ports),
    ],
    resources: [SECRET],
    reconcilers: [deletionReconciler(ports)],
    calls: [],
  };
}
