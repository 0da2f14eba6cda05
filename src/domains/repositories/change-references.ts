import type { OperationContext } from '../../platform/calls/operation.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { LedgerInput } from '../../platform/ledger/entry.ts';
import { entryOf, ownEntry } from '../../platform/ledger/entry-of.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { absentError, type Place, placeOf } from '../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { decideChanges, decideDefaultBranch, eventsOf, type ReferenceChange, recorded } from './decide-references.ts';
import { triggersOf } from './decide-triggers.ts';
import type { OwnPorts } from './ports.ts';
import { openRepository, type Opened } from './repository-access.ts';
import {
  gitPlaceOf,
  type PendingChange,
  type ReferencesDocument,
  REPOSITORY,
  REPOSITORY_PACKS,
  REPOSITORY_REFERENCES,
  repositoryArn,
  repositoryKey,
  type RepositoryDocument,
  referencesKey,
} from './resources.ts';

/** After this long the reconciler looks whether a change that was begun was recorded; the one who began it does so sooner. */
const LOOK_AFTER_MS = 30_000;
/** Each push brings a pack, and a fetch looks into all of them. */
export const PACKS_MAX = 40;

/** Who changes references, for events and ledger. */
export interface Cause {
  /** Without changes: those are what git did. */
  readonly entry: LedgerInput;
  readonly callerArn: string;
}

/** A call's; `action` is the IAM action. */
export const causeOf = (context: OperationContext, action: string, name: string): Cause => ({
  entry: entryOf(context, action, [repositoryArn(placeOf(context), name)]),
  callerArn: context.principal.arn,
});

/**
 * The repository in its turn: what is allowed is decided by this. Whoever waited, for a turn or for the rest of a push, may have seen it when
 * it was protected by nothing and followed nobody.
 */
export type Current = Pick<Opened, 'known' | 'document'>;

/**
 * Changes references: what is about to happen is a row first, then git does it, then what git did becomes the record, with events and
 * ledger entry. Only then does the caller hear of it. A server that dies in between leaves a timer, whose reconciler records what was done.
 */
export async function changeReferences<T>(
  own: OwnPorts,
  repository: Read<RepositoryDocument>,
  cause: Cause,
  act: (current: Current) => Promise<T>,
): Promise<{ readonly result: T; readonly changes: readonly ReferenceChange[] }> {
  const key = referencesKey(repository.key, repository.document.id);
  return own.turns.take(key.name, async () => {
    const current = await begin(own, key, repository.document.name, cause);
    let result: T;
    try {
      result = await act(current);
    } catch (error) {
      await settle(own, key);
      throw error;
    }
    return { result, changes: await settle(own, key) };
  });
}

async function begin(own: OwnPorts, key: ResourceKey, name: string, cause: Cause): Promise<Current> {
  const row = await readRow<ReferencesDocument>(own.store, key);
  // an earlier change whose server died, or a restored backup: what is found is not this one's
  if (row?.document.pending || !own.seen.has(key.name)) await settle(own, key);
  const entry = JSON.parse(JSON.stringify(cause.entry)) as JsonObject;
  const pending: PendingChange = { startedAtMs: own.clock.now(), entry, callerArn: cause.callerArn };
  return decideAndCommit(own.store, async () => {
    const found = await readRow<ReferencesDocument>(own.store, key);
    const repository = found && (await readRow<RepositoryDocument>(own.store, repositoryKey(key, found.document.repositoryName)));
    if (!repository) throw absentError(REPOSITORY, key, name);
    const known = { ...found.document, pending };
    const result = { known, document: repository.document };
    if (JSON.stringify(found.document.pending) === JSON.stringify(pending)) return { result };
    return {
      commit: {
        expect: [
          { key, version: found.version },
          { key: repository.key, version: repository.version },
        ],
        write: [{ key, document: known, index: found.index }],
        timers: [{ reconciler: REPOSITORY_REFERENCES, key, dueAtMs: own.clock.now() + LOOK_AFTER_MS }],
      },
      result,
    };
  });
}

/** What is on the disk is recorded, once in the life of this process: for readers that may come before the first change. */
async function settleOnce(own: OwnPorts, key: ResourceKey): Promise<void> {
  if (!own.seen.has(key.name)) await own.turns.take(key.name, () => settle(own, key));
}

/** A repository that git can be asked about: its folder may not be there before the first push, or lack what a backup does not keep. */
export async function openSettled(own: OwnPorts, at: Place, name: string): Promise<Opened> {
  const opened = await openRepository(own, at, name);
  const key = referencesKey(at, opened.document.id);
  if (own.seen.has(key.name)) return opened;
  await settleOnce(own, key);
  return openRepository(own, at, name);
}

/** Makes what is on the disk the record. Only in the repository's turn. Nothing to do for a repository that was deleted. */
export async function settle(own: OwnPorts, key: ResourceKey): Promise<readonly ReferenceChange[]> {
  const place = gitPlaceOf(key);
  const row = await readRow<ReferencesDocument>(own.store, key);
  if (!row) return [];
  await own.git.prepare(place);
  await own.git.unlock(place);
  const found = await own.git.references(place);
  let changes = decideChanges(row.document, found);
  if (changes.length > 0)
    await own.git.persist(
      place,
      changes.map(({ name }) => name),
    );
  const packs = await own.git.countPacks(place);
  await decideAndCommit(own.store, async (count) => {
    const known = await readRow<ReferencesDocument>(own.store, key);
    const repository = known && (await readRow<RepositoryDocument>(own.store, repositoryKey(key, known.document.repositoryName)));
    if (!known || !repository) return { result: undefined };
    const now = decideChanges(known.document, found);
    // on a second look it may be our own commit whose answer was lost
    if (count > 0 && now.length === 0 && !known.document.pending) return { result: undefined };
    if (count === 0 || now.length > 0) changes = now;
    const defaultBranch = decideDefaultBranch(repository.document.defaultBranch, found);
    if (defaultBranch !== undefined) await own.git.setHead(place, defaultBranch);
    return { commit: recordOf(own, known, repository, { found, changes: now, defaultBranch, packs }), result: undefined };
  });
  own.seen.add(key.name);
  return changes;
}

interface Finding {
  readonly found: Parameters<typeof recorded>[0];
  readonly changes: readonly ReferenceChange[];
  readonly defaultBranch: string | undefined;
  readonly packs: number;
}

function recordOf(
  own: OwnPorts,
  known: Read<ReferencesDocument>,
  repository: Read<RepositoryDocument>,
  { found, changes, defaultBranch, packs }: Finding,
) {
  const nowMs = own.clock.now();
  const { key, document, index } = known;
  const { pending, ...rest } = document;
  const after = { ...rest, ...recorded(found) };
  const timers = [{ reconciler: REPOSITORY_REFERENCES, key, dueAtMs: null }];
  const expect = [{ key, version: known.version }];
  if (changes.length === 0) return { expect, timers, ...(pending && { write: [{ key, document: after, index }] }) };
  const callerArn = pending?.callerArn ?? `arn:aws:iam::${key.account}:root`;
  const { name, id } = repository.document;
  const told = triggersOf(own, repository.document, changes, key, callerArn, nowMs);
  const modified = { ...repository.document, modifiedAtMs: nowMs, ...(defaultBranch !== undefined && { defaultBranch }) };
  return {
    expect: [...expect, { key: repository.key, version: repository.version }],
    write: [
      { key, document: after, index: { ...index, modifiedAtMs: nowMs } },
      { key: repository.key, document: modified, index: { ...repository.index, modifiedAtMs: nowMs } },
      ...told.map(({ write }) => write),
    ],
    timers: [
      ...timers,
      ...(packs > PACKS_MAX ? [{ reconciler: REPOSITORY_PACKS, key, dueAtMs: nowMs }] : []),
      ...told.map(({ timer }) => timer),
    ],
    events: eventsOf(changes, key, { name, id }, { callerArn, timeMs: nowMs }),
    ledger: [ledgerOf(key, pending, repositoryArn(key, name), changes, nowMs)],
  };
}

function ledgerOf(
  place: ResourceKey,
  pending: PendingChange | undefined,
  arn: string,
  changed: readonly ReferenceChange[],
  nowMs: number,
): LedgerInput {
  const changes = Object.fromEntries(changed.map(({ name, before, after }) => [name, [before, after] as const]));
  if (pending) return { ...(pending.entry as unknown as LedgerInput), timeMs: nowMs, changes };
  const reason = 'found on the disk';
  return ownEntry('repositories', place, {
    timeMs: nowMs,
    action: 'slipway:Repository.Found',
    resources: [arn],
    changes,
    reason,
  });
}
