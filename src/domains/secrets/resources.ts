import type { ResourceKey } from '../../platform/resource-key.ts';
import { formatArn, parseArn } from '../../platform/resources/arn.ts';
import { keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';

export const SECRET: ResourceDeclaration = {
  kind: 'Secret',
  service: 'secretsmanager',
  arnType: 'secret',
  absent: { code: 'ResourceNotFoundException', message: () => "Secrets Manager can't find the specified secret." },
  exists: {
    code: 'ResourceExistsException',
    message: (name) => `The operation failed because the secret ${name} already exists.`,
  },
};

/** A sealed value, named `<suffix of the secret's ARN>/<secret's name>:<version id>`: a secret made anew has values of its own. */
const SECRET_VALUE_KIND = 'SecretValue';

export type VersionState = { stages: string[]; createdAtMs: number };

export type SecretDocument = {
  name: string;
  /** Ends in a hyphen and six characters of its own. */
  arn: string;
  description?: string;
  createdAtMs: number;
  changedAtMs: number;
  /** Set while it waits for its end; it cannot be read then. */
  deletion?: { requestedAtMs: number; dueAtMs: number };
  /** By version id; those without a stage are deprecated. */
  versions: { [id: string]: VersionState };
};

/** JSON of one of the two, sealed under the ARN and version id. */
export type SecretValue = { readonly text: string } | { readonly base64: string };
export type ValueDocument = { sealed: string };

/** Removes a secret when its recovery window is over. */
export const SECRET_DELETION = 'secret-deletion';

export const CURRENT = 'AWSCURRENT';
export const PREVIOUS = 'AWSPREVIOUS';
export const MANAGED_KEY = 'alias/aws/secretsmanager';

export const secretKey = (place: Place, name: string): ResourceKey => keyOf(SECRET, place, name);

export const secretArn = ({ account, region }: Place, name: string, suffix: string): string =>
  formatArn({ service: 'secretsmanager', region, account, resource: `secret:${name}-${suffix}` });

export const valueKey = (place: Place, secret: SecretDocument, versionId: string): ResourceKey => ({
  ...secretKey(place, `${secret.arn.slice(-6)}/${secret.name}:${versionId}`),
  kind: SECRET_VALUE_KIND,
});

/**
 * Names that a caller's text may stand for: a name, an ARN, or an ARN without its last seven characters. A name that itself ends in a
 * hyphen and six characters makes that ambiguous, so all are tried, and the ARN found has to begin as the one given.
 */
export function namesOf(text: string): readonly string[] {
  const arn = parseArn(text);
  if (arn?.service !== 'secretsmanager' || !arn.resource.startsWith('secret:')) return [text];
  const rest = arn.resource.slice('secret:'.length);
  return /-[A-Za-z0-9]{6}$/.test(rest) ? [rest.slice(0, -7), rest] : [rest];
}
