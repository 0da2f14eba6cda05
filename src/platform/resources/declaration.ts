import { ServiceError } from '../errors/families.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import { GLOBAL, type ResourceKey } from '../resource-key.ts';
import { formatArn, parseArn } from './arn.ts';

/** What every room declares of its resources in resources.ts: key, ARN and the texts clients match on. */
export interface ResourceDeclaration {
  /** Store kind, the AWS noun: `TrainingJob`. */
  readonly kind: string;
  readonly service: string;
  /** `training-job` in `…:training-job/<name>`; empty where the ARN's resource is the bare name (S3). */
  readonly arnType: string;
  /** Between type and name; a slash where nothing else is said. */
  readonly arnSeparator?: ':';
  readonly global?: boolean;
  /** Names that differ only in case are the same resource; its key is lower-case, the document keeps the name as given. */
  readonly caseInsensitive?: boolean;
  readonly absent: { readonly code: ErrorCode; readonly message: (name: string, arn: string) => string };
  readonly exists: { readonly code: ErrorCode; readonly message: (name: string, arn: string) => string };
}

export interface Place {
  readonly account: string;
  readonly region: string;
}

/** The place alone, e.g. of an operation's context: for a query or a key, where what else is known of a call would go along. */
export const placeOf = ({ account, region }: Place): Place => ({ account, region });

export const keyOf = (declaration: ResourceDeclaration, place: Place, name: string): ResourceKey => ({
  account: place.account,
  region: declaration.global ? GLOBAL : place.region,
  kind: declaration.kind,
  name: declaration.caseInsensitive ? name.toLowerCase() : name,
});

export const arnOf = (declaration: ResourceDeclaration, place: Place, name: string): string =>
  formatArn({
    service: declaration.service,
    region: declaration.global ? '' : place.region,
    account: place.account,
    resource: declaration.arnType ? `${arnPrefix(declaration)}${name}` : name,
  });

const arnPrefix = ({ arnType, arnSeparator }: ResourceDeclaration): string => `${arnType}${arnSeparator ?? '/'}`;

/** The key an ARN of this declaration names; undefined when it is of another kind. */
export function keyOfArn(declaration: ResourceDeclaration, arnText: string): ResourceKey | undefined {
  const arn = parseArn(arnText);
  const prefix = arnPrefix(declaration);
  if (!arn || arn.service !== declaration.service || !arn.resource.startsWith(prefix)) return undefined;
  return keyOf(declaration, arn, arn.resource.slice(prefix.length));
}

export const absentError = (declaration: ResourceDeclaration, place: Place, name: string): ServiceError =>
  new ServiceError(declaration.absent.code, declaration.absent.message(name, arnOf(declaration, place, name)), {}, 'absent');

export const existsError = (declaration: ResourceDeclaration, place: Place, name: string): ServiceError =>
  new ServiceError(declaration.exists.code, declaration.exists.message(name, arnOf(declaration, place, name)), {}, 'exists');
