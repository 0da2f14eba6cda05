import type { EnvironmentVariable } from '../../contract/generated/codebuild.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import type { BuildSession } from './build-session.ts';
import type { Buildspec } from './decide-buildspec.ts';
import type { ResolvedVariables } from './decide-plan.ts';

interface VariableProblem {
  readonly statusCode: string;
  readonly problem: string;
}

/**
 * The variables of a build by precedence: its start, the project, the buildspec. Parameters and secrets are read with the rights of its
 * role; what they hold is not shown in logs.
 */
export async function resolveVariables(
  session: BuildSession,
  spec: Buildspec,
  asked: readonly EnvironmentVariable[],
): Promise<ResolvedVariables | VariableProblem> {
  const given = new Set(asked.map(({ name }) => name));
  const wanted: EnvironmentVariable[] = [
    ...variables(spec.variables, 'PLAINTEXT'),
    ...variables(spec.parameterStore, 'PARAMETER_STORE'),
    ...variables(spec.secretsManager, 'SECRETS_MANAGER'),
  ].filter(({ name }) => !given.has(name));
  const environment: Record<string, string> = {};
  const masks: string[] = [];
  const secret: string[] = [];
  for (const { name, value, type = 'PLAINTEXT' } of [...wanted, ...asked]) {
    if (type === 'PLAINTEXT') {
      environment[name] = value;
      continue;
    }
    const found = type === 'PARAMETER_STORE' ? await readParameter(session, value) : await readSecret(session, value);
    if (typeof found !== 'string') return found;
    environment[name] = found;
    masks.push(found);
    secret.push(name);
  }
  return { environment, masks, secret };
}

const variables = (map: Readonly<Record<string, string>>, type: EnvironmentVariable['type']): EnvironmentVariable[] =>
  Object.entries(map).map(([name, value]) => ({ name, value, type }));

async function readParameter({ calls, principal, origin }: BuildSession, name: string): Promise<string | VariableProblem> {
  try {
    const { Parameter } = await calls.call(principal, origin, 'ssm:GetParameter', { Name: name, WithDecryption: true });
    return Parameter?.Value ?? '';
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throwPassing(error);
    const why = error.code === 'ParameterNotFound' ? `parameter does not exist: ${name}` : `${error.code}: ${error.message}`;
    return { statusCode: 'Decrypted Variables Error', problem: why };
  }
}

/** `secret-id:json-key:version-stage:version-id`; an ARN has colons of its own. */
export function parseSecretReference(text: string) {
  const parts = text.split(':');
  const own = text.startsWith('arn:') ? 7 : 1;
  const [key = '', stage = '', version = ''] = parts.slice(own);
  return { secretId: parts.slice(0, own).join(':'), key, stage, version };
}

async function readSecret({ calls, principal, origin }: BuildSession, reference: string): Promise<string | VariableProblem> {
  const { secretId, key, stage, version } = parseSecretReference(reference);
  const refused = (problem: string): VariableProblem => ({ statusCode: 'Secrets Manager Error', problem });
  try {
    const { SecretString } = await calls.call(principal, origin, 'secretsmanager:GetSecretValue', {
      SecretId: secretId,
      ...(stage !== '' && { VersionStage: stage }),
      ...(version !== '' && { VersionId: version }),
    });
    if (SecretString === undefined) return refused(`The secret ${secretId} is binary; a variable is text.`);
    return key === '' ? SecretString : (memberOf(SecretString, key) ?? refused(`The secret ${secretId} has no key ${key}.`));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throwPassing(error);
    return refused(`${error.code}: ${error.message}`);
  }
}

function memberOf(text: string, key: string): string | undefined {
  try {
    const value: unknown = (JSON.parse(text) as Record<string, unknown> | null)?.[key];
    return value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value);
  } catch {
    return undefined; // no JSON, so it has no keys
  }
}
