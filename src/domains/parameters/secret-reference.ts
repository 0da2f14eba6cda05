import type { Parameter } from '../../contract/generated/ssm.ts';
import type { Calls, OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { invalid, refuse } from '../../platform/errors/rejection.ts';

/**
 * Names below this path are secrets of Secrets Manager: Parameter Store passes them on, as whoever asks, who needs the rights on both
 * (Systems Manager User Guide, "Referencing AWS Secrets Manager secrets from Parameter Store parameters").
 */
const PREFIX = '/aws/reference/secretsmanager/';

/** A secret's version ids have so many characters; what is shorter is a stage. */
const VERSION_ID = /^[A-Za-z0-9-]{32,64}$/;

export const isSecretReference = (name: string): boolean => name.startsWith(PREFIX);

/** Throws ValidationException without decryption and ParameterNotFound where there is no such secret or version. */
export async function readReferencedSecret(
  calls: Calls,
  context: OperationContext,
  name: string,
  decrypt: boolean | undefined,
): Promise<Parameter> {
  if (decrypt !== true) refuse(invalid('WithDecryption flag must be True for retrieving a Secret Manager secret.'));
  const [SecretId = '', version] = name.slice(PREFIX.length).split(':', 2);
  const which = version === undefined ? {} : VERSION_ID.test(version) ? { VersionId: version } : { VersionStage: version };
  const origin = { region: context.region, requestId: context.requestId };
  const secret = await calls
    .call(context.principal, origin, 'secretsmanager:GetSecretValue', { SecretId, ...which })
    .catch((error: unknown) => {
      throw error instanceof ServiceError && error.code === 'ResourceNotFoundException' ? absent(name) : error;
    });
  const { SecretBinary, ...told } = secret;
  return {
    Name: name,
    Type: 'SecureString',
    Value: secret.SecretString ?? Buffer.from(SecretBinary ?? []).toString('base64'),
    Version: 0,
    SourceResult: JSON.stringify({
      ...told,
      ...(secret.CreatedDate !== undefined && { CreatedDate: secret.CreatedDate / 1000 }),
    }),
    ...(secret.CreatedDate !== undefined && { LastModifiedDate: secret.CreatedDate }),
    ...(secret.ARN !== undefined && { ARN: secret.ARN }),
    DataType: 'text',
  };
}

const absent = (name: string): ServiceError =>
  new ServiceError(
    'ParameterNotFound',
    `An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret ${name} not found.`,
  );
