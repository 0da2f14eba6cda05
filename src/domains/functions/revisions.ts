import { ServiceError } from '../../platform/errors/families.ts';
import type { FunctionConfiguration } from '../../contract/generated/lambda.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { formatArn } from '../../platform/resources/arn.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Write } from '../../platform/store/port.ts';
import { writeOf } from '../../platform/store/typed-rows.ts';
import { describeConfig, type Revision, runtimeKind } from './decide-config.ts';
import type { FunctionsPorts } from './ports.ts';
import { functionArn, type FunctionConfig, type FunctionDocument, LATEST } from './resources.ts';

/** Lambda's way to write a time. */
export const lambdaTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '+0000');

/** What a revision sets anew: `settings` is all of the configuration that can decide on what runs, `some-settings` a part of it. */
export type Brings = 'all' | 'code' | 'settings' | 'some-settings';

/** A restriction is lifted only by whoever, without one, sets anew what it is about. */
export function newRevision({ ids }: FunctionsPorts, { nowMs, principal }: OperationContext, brings: Brings): Revision {
  const restricted = principal.sessionPolicy !== undefined;
  const settings = brings === 'all' || brings === 'settings' || (brings === 'some-settings' && restricted);
  return {
    LastModified: lambdaTime(nowMs),
    RevisionId: ids.uuid(),
    ...((brings === 'all' || brings === 'code') && { restricted }),
    ...(settings && { restrictedSettings: restricted }),
  };
}

export const functionWrite = (key: ResourceKey, document: FunctionDocument, nowMs: number): Write =>
  writeOf(key, document, { status: document.State, createdAtMs: document.createdAtMs, modifiedAtMs: nowMs }, [
    document.latest.codeDigest,
  ]);

/** A version of a function as its operations answer it; `qualifier` is how it was asked for, null: the ARN names none. */
export function described(
  ports: FunctionsPorts,
  place: Pick<ResourceKey, 'region' | 'account'>,
  document: FunctionDocument,
  version: string,
  config: FunctionConfig,
  qualifier: string | null | undefined = version === LATEST ? null : version,
): FunctionConfiguration {
  const FunctionArn = functionArn(place, document.FunctionName, qualifier ?? undefined);
  return describeConfig({ ...document, FunctionArn }, config, version, runtimeArn(ports, place.region, config.Runtime));
}

/** Names the version that really runs: what was asked for need not be on this machine. */
function runtimeArn({ runtimes }: FunctionsPorts, region: string, runtime: string): string {
  const kind = runtimeKind(runtime) ?? 'python';
  return formatArn({ service: 'lambda', region, account: '', resource: `runtime:${kind}-${runtimes.version(kind)}` });
}

/** For the ledger: which variables a function has is told, what they hold is not. */
export function auditable({ latest, ...rest }: FunctionDocument): object {
  const { variables, ...config } = latest;
  const names = variables && Object.keys(variables);
  const { requestId: _request, createdAtMs: _created, policies, ...shown } = rest;
  return { ...shown, ...config, policies, ...(names && { EnvironmentVariables: names }) };
}

/** Whoever names a revision wants to change that one only. */
export function checkRevision(given: string | undefined, current: string): void {
  if (given === undefined || given === current) return;
  throw new ServiceError(
    'PreconditionFailedException',
    'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
  );
}
