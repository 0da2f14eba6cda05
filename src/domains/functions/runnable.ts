import { hash } from 'node:crypto';
import type { AuthorizationNeed } from '../../platform/authorization/policy.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { accepted } from '../../platform/errors/rejection.ts';
import { keyOf, type Place } from '../../platform/resources/declaration.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import type { FunctionsPorts } from './ports.ts';
import { type NamedFunction, parseFunctionName } from './decide-names.ts';
import {
  type AliasDocument,
  FUNCTION,
  FUNCTION_ALIAS,
  FUNCTION_VERSION,
  functionArn,
  type FunctionConfig,
  type FunctionDocument,
  LATEST,
  type VersionDocument,
} from './resources.ts';

/** Code and configuration that an invocation runs on. */
export interface Runnable {
  /** Of the function's row. */
  readonly key: ResourceKey;
  readonly name: string;
  /** As invoked, with the qualifier where one was named. */
  readonly invokedArn: string;
  readonly version: string;
  readonly config: FunctionConfig;
  /** So many at a time at most. */
  readonly concurrency?: number;
  /** Two with the same one can share a process. */
  readonly fingerprint: string;
}

export function namedFunction(text: string, qualifier: string | undefined, place: Place): NamedFunction {
  return accepted(parseFunctionName(text, qualifier, place));
}

/** What a call needs that names a function, and perhaps a version or an alias of it. */
export const functionNeed =
  (action: string) =>
  (
    { FunctionName, Qualifier }: { readonly FunctionName: string; readonly Qualifier?: string },
    place: Place,
  ): AuthorizationNeed[] => {
    const { name, qualifier } = namedFunction(FunctionName, Qualifier, place);
    return [{ action, resources: [functionArn(place, name, qualifier)] }];
  };

export const functionAbsent = (place: Place, name: string, qualifier?: string): ServiceError =>
  new ServiceError('ResourceNotFoundException', `Function not found: ${functionArn(place, name, qualifier)}`, {}, 'absent');

export async function readFunction(store: Pick<Store, 'get'>, place: Place, name: string): Promise<Read<FunctionDocument>> {
  const row = await readRow<FunctionDocument>(store, keyOf(FUNCTION, place, name));
  if (!row) throw functionAbsent(place, name);
  return row;
}

export const versionKey = (place: Place, name: string, version: string): ResourceKey =>
  keyOf(FUNCTION_VERSION, place, `${name}:${version}`);
export const aliasKey = (place: Place, name: string, alias: string): ResourceKey =>
  keyOf(FUNCTION_ALIAS, place, `${name}:${alias}`);

export interface FoundVersion {
  readonly row: Read<FunctionDocument>;
  readonly version: string;
  readonly config: FunctionConfig;
}

/**
 * The version behind a name: the latest, a published one, or the one an alias points to; of several by their weights, where `draw` (from
 * 0 to 1) falls. Throws when it is not there.
 */
export async function findVersion(
  store: Pick<Store, 'get'>,
  place: Place,
  { name, qualifier = LATEST }: NamedFunction,
  draw: () => number = () => 1,
): Promise<FoundVersion> {
  const row = await readFunction(store, place, name);
  if (qualifier === LATEST) return { row, version: LATEST, config: row.document.latest };
  const version = /^\d+$/.test(qualifier) ? qualifier : await versionOfAlias(store, place, name, qualifier, draw);
  if (version === LATEST) return { row, version, config: row.document.latest };
  const found = await readRow<VersionDocument>(store, versionKey(place, name, version));
  if (!found) throw functionAbsent(place, name, qualifier);
  return { row, version, config: found.document.config };
}

async function versionOfAlias(
  store: Pick<Store, 'get'>,
  place: Place,
  name: string,
  alias: string,
  draw: () => number,
): Promise<string> {
  const found = await readRow<AliasDocument>(store, aliasKey(place, name, alias));
  if (!found) throw functionAbsent(place, name, alias);
  const { FunctionVersion, weights = {} } = found.document;
  let rest = draw();
  for (const [version, weight] of Object.entries(weights)) {
    rest -= weight;
    if (rest < 0) return version;
  }
  return FunctionVersion;
}

export async function findRunnable(
  { store, ids }: Pick<FunctionsPorts, 'store' | 'ids'>,
  place: Place,
  named: NamedFunction,
): Promise<Runnable> {
  const draw = () => Buffer.from(ids.bytes(4)).readUInt32BE() / 2 ** 32;
  const { row, version, config } = await findVersion(store, place, named, draw);
  return {
    key: row.key,
    name: named.name,
    invokedArn: functionArn(place, named.name, named.qualifier),
    version,
    config,
    ...(row.document.reservedConcurrency !== undefined && { concurrency: row.document.reservedConcurrency }),
    fingerprint: fingerprintOf(version, config),
  };
}

/** What only describes a function, or is told with each invocation, needs no new process. */
export function fingerprintOf(version: string, config: FunctionConfig): string {
  const {
    Description: _text,
    LastModified: _time,
    RevisionId: _revision,
    Timeout: _timeout,
    deadLetterArn: _arn,
    ...process
  } = config;
  return hash('sha256', JSON.stringify([version, Object.entries(process).sort(([a], [b]) => (a < b ? -1 : 1))]));
}
