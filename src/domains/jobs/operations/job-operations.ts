import type { Tag } from '../../../contract/generated/sagemaker.ts';
import { createHash } from 'node:crypto';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import type { OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, arnOf, existsError, keyOf } from '../../../platform/resources/declaration.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { pinnedImageName } from '../../../platform/serving/pinned-image.ts';
import type { JobRecordKind } from '../job-kind.ts';
import { jobEvent, jobWrite } from '../job-rows.ts';
import type { JobsPorts } from '../ports.ts';
import { type AnyJobRecord, isSettled } from '../resources.ts';

/** What the operations of all kinds of job share. */

export const jobNeed = <D extends AnyJobRecord>(
  kind: JobRecordKind<D>,
  action: string,
  name: string,
  context: OperationContext,
): AuthorizationNeed => ({
  action,
  resources: [arnOf(kind.declaration, context, name)],
});

/** Creating a job hands its role to SageMaker. */
export async function createNeeds<D extends AnyJobRecord>(
  kind: JobRecordKind<D>,
  ports: JobsPorts,
  name: string,
  roleArn: string,
  context: OperationContext,
): Promise<AuthorizationNeed[]> {
  return [jobNeed(kind, context.operation, name, context), ...(await passRoleNeeds(ports.roles, context.account, roleArn))];
}

/** The members that the record of every new job has. */
export function newRecord<D extends AnyJobRecord>(kind: JobRecordKind<D>, name: string, context: OperationContext) {
  const arn = arnOf(kind.declaration, context, name);
  return {
    name,
    arn,
    status: 'InProgress' as const,
    createdAtMs: context.nowMs,
    modifiedAtMs: context.nowMs,
    workId: workIdOf(kind, arn, name, context.nowMs),
    // with whom the job takes turns when others wait too
    owner: context.principal.onBehalfOf ?? context.principal.arn,
    requestId: context.requestId,
  };
}

/** Deterministic for a creation, and different from that of an earlier job of the same name. */
function workIdOf<D extends AnyJobRecord>(kind: JobRecordKind<D>, arn: string, name: string, createdAtMs: number): string {
  const hash = createHash('sha256').update(`${arn} ${createdAtMs}`).digest('hex').slice(0, 12);
  return `${kind.reconciler}-${name.toLowerCase()}-${hash}`;
}

/** Row, tags, timer, event and ledger entry of a new job, in one commit. */
export async function createJob<D extends AnyJobRecord>(
  kind: JobRecordKind<D>,
  ports: JobsPorts,
  asked: D,
  tags: Tag[] | undefined,
  context: OperationContext,
): Promise<void> {
  const document = pinned(kind, ports, asked);
  const key = keyOf(kind.declaration, context, document.name);
  const tagged = tagsWrite(document.arn, tags, context.nowMs);
  await decideAndCommit(ports.store, async () => {
    const existing = await readRow<D>(ports.store, key);
    if (existing?.document.requestId === document.requestId) return { result: undefined };
    if (existing) throw existsError(kind.declaration, context, document.name);
    return {
      result: undefined,
      commit: {
        expect: [{ key, version: 0 }],
        write: [jobWrite(kind, key, document), ...(tagged ? [tagged] : [])],
        timers: [{ reconciler: kind.reconciler, key, dueAtMs: context.nowMs }],
        events: [jobEvent(kind, key, document)],
        ledger: [entryOf(context, context.operation, [document.arn], changedMembers(undefined, kind.describe(document)))],
      },
    };
  });
}

/** A tag that moves while the job waits changes nothing. */
function pinned<D extends AnyJobRecord>(kind: JobRecordKind<D>, { runtimes }: JobsPorts, job: D): D {
  const image = kind.image?.(job);
  const pinnedImage = image === undefined ? undefined : pinnedImageName(runtimes, image);
  return pinnedImage === undefined ? job : { ...job, pinnedImage };
}

export async function requireJob<D extends AnyJobRecord>(
  kind: JobRecordKind<D>,
  ports: JobsPorts,
  name: string,
  context: OperationContext,
): Promise<Read<D>> {
  const row = await readRow<D>(ports.store, keyOf(kind.declaration, context, name));
  if (!row) throw absentError(kind.declaration, context, name);
  return row;
}

/** Marks the job as stopping; its reconciler, woken by the timer, does the rest. */
export async function stopJob<D extends AnyJobRecord>(
  kind: JobRecordKind<D>,
  ports: JobsPorts,
  name: string,
  context: OperationContext,
): Promise<void> {
  await decideAndCommit(ports.store, async () => {
    const { key, version, document } = await requireJob(kind, ports, name, context);
    if (document.status === 'Stopping') return { result: undefined };
    if (isSettled(document.status)) {
      throw new ServiceError(
        'ValidationException',
        `The request was rejected because the ${kind.words} is in status ${document.status}.`,
      );
    }
    const next = kind.stopping(document, context.nowMs);
    return {
      result: undefined,
      commit: {
        expect: [{ key, version }],
        write: [jobWrite(kind, key, next)],
        timers: [{ reconciler: kind.reconciler, key, dueAtMs: context.nowMs }],
        events: [jobEvent(kind, key, next)],
        ledger: [
          entryOf(context, context.operation, [document.arn], changedMembers(kind.describe(document), kind.describe(next))),
        ],
      },
    };
  });
}

/** Only a settled job can go; its files go first, which may be repeated. */
export async function deleteJob<D extends AnyJobRecord>(
  kind: JobRecordKind<D>,
  ports: JobsPorts,
  name: string,
  context: OperationContext,
): Promise<void> {
  await decideAndCommit(ports.store, async (count) => {
    // our own removal, whose answer was lost
    if (count > 0 && !(await ports.store.get(keyOf(kind.declaration, context, name)))) return { result: undefined };
    const { key, version, document } = await requireJob(kind, ports, name, context);
    if (!isSettled(document.status)) {
      throw new ServiceError(
        'ResourceInUse',
        `The ${kind.words} ${name} is in status ${document.status}. Stop it and wait for its end before deleting it.`,
      );
    }
    for (const workId of kind.workIds?.(document) ?? [document.workId]) await ports.backend.release(workId);
    return {
      result: undefined,
      commit: {
        expect: [{ key, version }],
        remove: [key, tagsKey(document.arn)],
        timers: [{ reconciler: kind.reconciler, key, dueAtMs: null }],
        ledger: [entryOf(context, context.operation, [document.arn], changedMembers(kind.describe(document), undefined))],
      },
    };
  });
}
