import { ServiceError } from '../../platform/errors/families.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import { absentError, keyOfArn } from '../../platform/resources/declaration.ts';
import type { Row } from '../../platform/store/port.ts';
import type { TaggingPorts } from './ports.ts';

export interface TaggedResource {
  readonly row: Row;
  /** As the resource itself spells it; tags are kept under this. */
  readonly arn: string;
}

/**
 * The resource an ARN names, whichever room owns it. `pipeline/a/execution/b` begins like a pipeline's ARN, so of several
 * declarations that fit the one whose row exists is meant; when none does, the one that fits most closely says so.
 */
export async function findResource(
  ports: TaggingPorts,
  place: { readonly account: string; readonly region: string },
  arnText: string,
): Promise<TaggedResource> {
  const arn = parseArn(arnText);
  if (arn && (arn.account !== place.account || arn.region !== place.region)) {
    throw new ServiceError(
      'ValidationException',
      `The resource ARN ${arnText} is of another account or region; this request is for account ${place.account} in ${place.region}.`,
    );
  }
  const candidates = ports.resources
    .filter(({ service, arnType }) => service === 'sagemaker' && arnType !== '')
    .toSorted((a, b) => b.arnType.length - a.arnType.length)
    .flatMap((declaration) => {
      const key = keyOfArn(declaration, arnText);
      return key ? [{ declaration, key }] : [];
    });
  for (const { declaration, key } of candidates) {
    const row = await ports.store.get(key);
    if (row) return { row, arn: declaration.caseInsensitive ? ownArn(row, arnText) : arnText };
  }
  const [closest] = candidates;
  if (!closest) {
    throw new ServiceError(
      'ValidationException',
      `The resource ARN ${arnText} names no type of resource that can have tags here.`,
    );
  }
  throw absentError(closest.declaration, place, closest.key.name);
}

/** Where names differ only in case, the caller's spelling may not be the one the resource was made with. */
function ownArn(row: Row, arnText: string): string {
  const wanted = arnText.toLowerCase();
  const own = Object.values(row.document).find((value) => typeof value === 'string' && value.toLowerCase() === wanted);
  return typeof own === 'string' ? own : arnText;
}
