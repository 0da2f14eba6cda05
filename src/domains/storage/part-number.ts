import { ServiceError } from '../../platform/errors/families.ts';

const PARTS_MAX = 10_000;

/** Also for reading: a part before the first would begin before the object does. */
export function checkPartNumber(partNumber: number): void {
  if (Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= PARTS_MAX) return;
  throw new ServiceError('InvalidArgument', `Part number must be an integer between 1 and ${PARTS_MAX}, inclusive`, {
    ArgumentName: 'partNumber',
    ArgumentValue: String(partNumber),
  });
}
