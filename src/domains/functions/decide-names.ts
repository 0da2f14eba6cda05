import type { Rejection } from '../../platform/errors/rejection.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import { functionArn } from './resources.ts';

/** A function as callers name it. */
export interface NamedFunction {
  readonly name: string;
  /** A version, an alias or `$LATEST`; absent: the unqualified function. */
  readonly qualifier?: string;
}

const NAME =
  /^(?:arn:aws[a-zA-Z-]*:lambda:(?<region>[a-z0-9-]+):(?<account>\d{12}):function:|(?:(?<partial>\d{12}):)?(?:function:)?)(?<name>[A-Za-z0-9_-]+)(?::(?<qualifier>\$LATEST|[A-Za-z0-9_-]+))?$/;
const NAME_LENGTH_MAX = 64;

/** By name, partial ARN or ARN, with the qualifier in it or beside it. */
export function parseFunctionName(text: string, beside: string | undefined, place: Place): NamedFunction | Rejection {
  const found = NAME.exec(text)?.groups;
  const name = found?.['name'];
  if (name === undefined || name.length > NAME_LENGTH_MAX) {
    return {
      code: 'ValidationException',
      message: `1 validation error detected: Value '${text.slice(0, 200)}' at 'functionName' failed to satisfy constraint: Member must be a function's name (at most ${NAME_LENGTH_MAX} of A-Z, a-z, 0-9, - and _), partial ARN or ARN`,
    };
  }
  const { region, account = found?.['partial'], qualifier: within } = found ?? {};
  if (region !== undefined && region !== place.region) {
    return {
      code: 'ResourceNotFoundException',
      message: `Functions from '${region}' are not reachable in this region ('${place.region}')`,
    };
  }
  if (account !== undefined && account !== place.account) {
    return { code: 'ResourceNotFoundException', message: `Function not found: ${functionArn({ ...place, account }, name)}` };
  }
  if (within !== undefined && beside !== undefined && within !== beside) {
    return {
      code: 'InvalidParameterValueException',
      message: 'The derived qualifier from the function name does not match the specified qualifier.',
    };
  }
  const qualifier = within ?? beside;
  return { name, ...(qualifier !== undefined && { qualifier }) };
}
