import type { OperationName } from '../../contract/operations.ts';
import type { AuthorizationNeed } from '../../platform/authorization/policy.ts';
import type { Operation, OperationContext } from '../../platform/calls/operation.ts';
import { absentError, type Place, placeOf } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import type { OwnPorts } from './ports.ts';
import {
  gitPlaceOf,
  type ReferencesDocument,
  referencesKey,
  REPOSITORY,
  repositoryArn,
  type RepositoryDocument,
  repositoryKey,
} from './resources.ts';

export type RepositoryRow = Read<RepositoryDocument>;

export async function readRepository(store: Pick<Store, 'get'>, place: Place, name: string): Promise<RepositoryRow> {
  const row = await readRow<RepositoryDocument>(store, repositoryKey(place, name));
  if (!row) throw absentError(REPOSITORY, placeOf(place), name);
  return row;
}

/** A repository with what is recorded of its references. */
export interface Opened {
  readonly row: RepositoryRow;
  readonly document: RepositoryDocument;
  readonly known: ReferencesDocument;
  readonly place: ReturnType<typeof gitPlaceOf>;
}

export async function openRepository(own: Pick<OwnPorts, 'store'>, at: Place, name: string): Promise<Opened> {
  const row = await readRepository(own.store, at, name);
  const key = referencesKey(at, row.document.id);
  const known = await readRow<ReferencesDocument>(own.store, key);
  if (!known) throw absentError(REPOSITORY, placeOf(at), name);
  return { row, document: row.document, known: known.document, place: gitPlaceOf(key) };
}

/** What an operation on one repository needs. */
export const repositoryNeeds =
  <N extends OperationName>(action: string): Operation<N>['needs'] =>
  (input, context) => [
    { action, resources: [repositoryArn(placeOf(context), (input as { repositoryName: string }).repositoryName)] },
  ];

/** The same for what changes a branch: policies may speak of `codecommit:References`. */
export const branchNeeds =
  <N extends OperationName>(action: string): Operation<N>['needs'] =>
  (input, context) => {
    const { repositoryName, branchName } = input as { repositoryName: string; branchName: string };
    const references = { 'codecommit:References': [`refs/heads/${branchName}`] };
    return [{ action, resources: [repositoryArn(placeOf(context), repositoryName)], context: references }];
  };

/** `codecommit:References` is a list at AWS; here a push is judged reference by reference. */
export const pushNeed = (context: OperationContext, name: string, references: readonly string[]): AuthorizationNeed => ({
  action: 'codecommit:GitPush',
  resources: [repositoryArn(placeOf(context), name)],
  ...(references.length > 0 && { context: { 'codecommit:References': references } }),
});

export const pullNeed = (context: OperationContext, name: string): AuthorizationNeed => ({
  action: 'codecommit:GitPull',
  resources: [repositoryArn(placeOf(context), name)],
});
