import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { Commit } from '../../platform/store/port.ts';
import { placeOf } from '../../platform/resources/declaration.ts';
import { holderOf, moveStages, surplusVersions } from './decide-versions.ts';
import { CURRENT, type SecretDocument, type SecretValue, valueKey } from './resources.ts';
import { openValue, valueWrite } from './secret-access.ts';
import type { SecretsPorts } from './ports.ts';

export type Added =
  /** This version is there already, with the same value: the call was made before. */
  | { readonly outcome: 'repeat' }
  | {
      readonly outcome: 'added';
      readonly secret: SecretDocument;
      readonly parts: Required<Pick<Commit, 'expect' | 'write' | 'remove'>>;
    };

/** A version of a secret; its id is the request's token, so that a call made twice adds one. */
export async function addVersion(
  ports: SecretsPorts,
  context: OperationContext,
  secret: SecretDocument,
  versionId: string,
  value: SecretValue,
  stages: readonly string[],
): Promise<Added> {
  if (secret.versions[versionId]) {
    const before = await openValue(ports, context, secret, versionId);
    if (JSON.stringify(before) === JSON.stringify(value)) return { outcome: 'repeat' };
    throw new ServiceError(
      'ResourceExistsException',
      `You can't use ClientRequestToken ${versionId} because that value is already in use for a version of secret ${secret.arn}.`,
    );
  }
  const versions = moveStages(
    { ...secret.versions, [versionId]: { stages: [], createdAtMs: context.nowMs } },
    versionId,
    // AWS: the first value is the current one, whatever else it is
    holderOf(secret.versions, CURRENT) === undefined ? [...new Set([...stages, CURRENT])] : stages,
  );
  const surplus = surplusVersions(versions);
  for (const id of surplus) delete versions[id];
  const write = valueWrite(ports, context, secret, versionId, value);
  return {
    outcome: 'added',
    secret: { ...secret, versions, changedAtMs: context.nowMs },
    parts: {
      expect: [{ key: write.key, version: 0 }],
      write: [write],
      remove: surplus.map((id) => valueKey(placeOf(context), secret, id)),
    },
  };
}
