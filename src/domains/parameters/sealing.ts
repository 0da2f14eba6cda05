import { openText, sealText } from '../../platform/authorization/signed-and-sealed.ts';
import { InvariantError } from '../../platform/errors/families.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import { parameterArn, type VersionDocument } from './resources.ts';

/** The one key there is: the data folder's own stands for AWS's managed key. */
export const MANAGED_KEY = 'alias/aws/ssm';

export interface SealingPorts {
  /** Hex. */
  readonly sealingKey: string;
  readonly ids: Pick<Ids, 'bytes'>;
}

/** A secure value is bound to its parameter and version: moved to another row it does not open. */
const boundTo = (place: Place, { name, version }: Pick<VersionDocument, 'name' | 'version'>): string =>
  `${parameterArn(place, name)}:${version}`;

export const sealedValue = (
  { sealingKey, ids }: SealingPorts,
  place: Place,
  version: Pick<VersionDocument, 'name' | 'version'>,
  value: string,
): string => sealText(sealingKey, value, boundTo(place, version), ids);

/** The value as a caller may see it: that of a secure one only with decryption, else what lies on the disk. */
export function shownValue(
  { sealingKey }: SealingPorts,
  place: Place,
  version: VersionDocument,
  decrypt: boolean | undefined,
): string {
  if (version.type !== 'SecureString' || !decrypt) return version.value;
  const value = openText(sealingKey, version.value, boundTo(place, version));
  if (value === undefined) {
    throw new InvariantError('A secure parameter does not open with this installation’s key.', { name: version.name });
  }
  return value;
}
