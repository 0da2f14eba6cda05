import { timesHosts } from '../../platform/admission/port.ts';
import type { Room } from '../../platform/calls/operation.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Timer } from '../../platform/store/port.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { type JobHost, planHosts } from './decide-hosts.ts';
import type { JobRecordKind } from './job-kind.ts';
import { transitionCommit } from './job-rows.ts';
import { processingJobOperations } from './operations/processing-jobs.ts';
import { search } from './operations/search.ts';
import { trainingJobOperations } from './operations/training-jobs.ts';
import { transformJobOperations } from './operations/transform-jobs.ts';
import { transformHostCount, transformWorks } from './plan-transform.ts';
import type { JobsPorts } from './ports.ts';
import { PROCESSING_KIND } from './processing-kind.ts';
import { createJobReconciler, type WorkIndex } from './reconcile-job.ts';
import { createTransformReconciler } from './reconcile-transform.ts';
import { type AnyJobRecord, isSettled, PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB } from './resources.ts';
import { TRAINING_KIND } from './training-kind.ts';
import { TRANSFORM_KIND } from './transform-kind.ts';

/** The room, and what a stop of the server wants to know. */
export interface JobsRoom extends Room {
  /** How many jobs have a process, or are about to; those that wait for their turn have none. */
  running(): Promise<number>;
  /** Stops every job as its user would, and waits until all are settled or `timeoutMs` is over; the next start goes on. */
  endAll(timeoutMs: number): Promise<void>;
}

/** Training, processing and transform jobs: from the create call to outputs in S3. */
export function createJobsRoom(ports: JobsPorts): JobsRoom {
  const jobs = new Map<string, { readonly reconciler: string; readonly key: ResourceKey; readonly hosts: readonly JobHost[] }>();
  /** Which job a host's work belongs to. */
  const jobOfHost = new Map<string, string>();
  let onSettled = () => {};
  /** Work that the end of the server waits for; while there is such a set nothing new is started. */
  let ending: Set<string> | undefined;
  const index: WorkIndex = {
    remember(workId, hosts, reconciler, key) {
      jobs.set(workId, { reconciler, key, hosts });
      for (const host of hosts) jobOfHost.set(host.workId, workId);
    },
    forget(workId) {
      for (const host of jobs.get(workId)?.hosts ?? []) jobOfHost.delete(host.workId);
      jobs.delete(workId);
      if (ending?.delete(workId) && ending.size === 0) onSettled();
    },
    mayStart: () => ending === undefined,
  };
  const wake = (workId: string) => {
    const job = jobs.get(jobOfHost.get(workId) ?? workId);
    if (job) ports.loop.wake(job.reconciler, job.key);
  };
  const forgets: (() => void)[] = [];
  return {
    name: 'jobs',
    operations: [
      ...trainingJobOperations(ports),
      ...processingJobOperations(ports),
      ...transformJobOperations(ports),
      search(ports.store),
    ],
    resources: [TRAINING_JOB, PROCESSING_JOB, TRANSFORM_JOB],
    reconcilers: [
      createJobReconciler(TRAINING_KIND, ports, index),
      createJobReconciler(PROCESSING_KIND, ports, index),
      createTransformReconciler(ports, index),
    ],
    calls: [
      's3:GetObject',
      's3:ListObjectsV2',
      's3:PutObject',
      'logs:CreateLogGroup',
      'logs:CreateLogStream',
      'sagemaker:DescribeModel',
      'sagemaker:DescribeModelPackage',
    ],
    async start() {
      forgets.push(ports.backend.onChange(wake), ports.admission.onAdmitted(wake));
      await restoreReservations(ports, index);
    },
    async stop() {
      for (const forget of forgets) forget();
    },
    async running() {
      const works = await Promise.all([...jobs.values()].map(({ hosts }) => phasesOf(ports, hosts)));
      return works.filter((phases) => phases.some((phase) => phase === 'running' || phase === 'preparing')).length;
    },
    async endAll(timeoutMs) {
      const settled = new Promise<void>((resolve) => {
        onSettled = resolve;
      });
      // a pipeline may go on to its next step meanwhile: that job is made, and waits for the next start
      ending = new Set(jobs.keys());
      for (const { reconciler, key } of jobs.values()) {
        const kind = KINDS.get(reconciler);
        if (kind) await markStopping(kind.kind, ports, key);
      }
      if (ending.size === 0) return;
      let cancel = () => {};
      const timeout = new Promise<void>((resolve) => {
        cancel = ports.clock.at(ports.clock.now() + timeoutMs, resolve);
      });
      await Promise.race([settled, timeout]);
      cancel();
    },
  };
}

/** The end of a server that was told to take its jobs along. */
async function markStopping(kind: JobRecordKind, ports: JobsPorts, key: ResourceKey): Promise<void> {
  await decideAndCommit(ports.store, async () => {
    const row = await readRow<AnyJobRecord>(ports.store, key);
    if (row?.document.status !== 'InProgress') return { result: undefined };
    const nowMs = ports.clock.now();
    return { result: undefined, commit: transitionCommit(kind, row, kind.stopping(row.document, nowMs), nowMs) };
  });
}

const TIMERS_PAGE = 1_000;

/** What the room must know of a job of any kind before its reconciler has looked at it. */
interface KnownKind<D extends AnyJobRecord = AnyJobRecord> {
  readonly kind: JobRecordKind<D>;
  /** How many hosts it reserves. */
  hosts(job: D): number;
  works(job: D): readonly JobHost[];
}

const known = <D extends AnyJobRecord>(
  kind: JobRecordKind<D>,
  hosts: (job: D) => number,
  works: (job: D) => readonly JobHost[],
): [string, KnownKind] => [kind.reconciler, { kind, hosts, works } as unknown as KnownKind];

const KINDS: ReadonlyMap<string, KnownKind> = new Map([
  known(TRAINING_KIND, TRAINING_KIND.instanceCount, (job) => planHosts(job, TRAINING_KIND.instanceCount(job))),
  known(PROCESSING_KIND, PROCESSING_KIND.instanceCount, (job) => planHosts(job, PROCESSING_KIND.instanceCount(job))),
  known(TRANSFORM_KIND, transformHostCount, transformWorks),
]);

/** Work that runs counts before anything new is admitted. Unsettled jobs are found by their timers. */
async function restoreReservations(ports: JobsPorts, index: WorkIndex): Promise<void> {
  const seen = new Set<string>();
  let after: Timer | undefined;
  do {
    const timers = await ports.store.timers({ after, limit: TIMERS_PAGE });
    for (const { reconciler, key } of timers) {
      const kind = KINDS.get(reconciler);
      if (!kind || seen.has(keyText(key))) continue;
      seen.add(keyText(key));
      await restoreJob(ports, index, kind, key);
    }
    after = timers.length === TIMERS_PAGE ? timers.at(-1) : undefined;
  } while (after);
}

async function restoreJob(ports: JobsPorts, index: WorkIndex, kind: KnownKind, key: ResourceKey): Promise<void> {
  const row = await readRow<AnyJobRecord>(ports.store, key);
  if (!row || isSettled(row.document.status)) return;
  const { document: job } = row;
  const works = kind.works(job);
  index.remember(job.workId, works, kind.kind.reconciler, key);
  const phases = await phasesOf(ports, works);
  // all hosts count as soon as one runs: the others follow without asking
  if (phases.some((phase) => phase === 'running' || phase === 'preparing'))
    ports.admission.restore(job.workId, timesHosts(ports.settings.reservations.job, kind.hosts(job)));
}

const phasesOf = (ports: JobsPorts, hosts: readonly JobHost[]) =>
  Promise.all(hosts.map(async ({ workId }) => (await ports.backend.status(workId)).phase));
