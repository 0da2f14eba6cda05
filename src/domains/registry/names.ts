import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import { absentError, arnOf, keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';

/** What a caller named, by bare name or ARN. */
export interface Named {
  readonly name: string;
  readonly key: ResourceKey;
  readonly arn: string;
}

/** A resource belongs to the account and region of the call: an ARN of elsewhere names nothing here. */
export function named(declaration: ResourceDeclaration, context: OperationContext, nameOrArn: string): Named {
  const arn = parseArn(nameOrArn);
  if (!arn) return namedHere(declaration, context, nameOrArn);
  const prefix = `${declaration.arnType}/`;
  if (!arn.resource.startsWith(prefix)) {
    throw new ServiceError(
      'ValidationException',
      `"${nameOrArn}" is not the ARN of a ${declaration.kind}: it should contain ":${prefix}".`,
    );
  }
  const name = arn.resource.slice(prefix.length);
  if (arn.account !== context.account || arn.region !== context.region) throw absentError(declaration, arn, name);
  return namedHere(declaration, context, name);
}

export const namedHere = (declaration: ResourceDeclaration, place: Place, name: string): Named => ({
  name,
  key: keyOf(declaration, place, name),
  arn: arnOf(declaration, place, name),
});
