import { type Reservation, timesHosts } from '../../platform/admission/port.ts';
import { assumptionOf } from '../../platform/authorization/work-credentials.ts';
import type { CallOrigin } from '../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import { lastLogLines } from '../../platform/log-streams.ts';
import type { LogStreamName } from '../../platform/ports/log-files.ts';
import type { WorkEnd } from '../../platform/ports/work.ts';
import type { Reconciler, ReconcileResult } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { decideEnd } from './decide-end.ts';
import { decideHosts, type HostStatus, type JobHost, planHosts } from './decide-hosts.ts';
import type { Collected, EndContext, JobKind, Settlement } from './job-kind.ts';
import { jobWrite, RELEASE_AFTER_MS, transitionCommit } from './job-rows.ts';
import { FAILURE_FILE } from './plan-training.ts';
import type { JobsPorts } from './ports.ts';
import type { Publisher } from './publish.ts';
import { type AnyJobDocument, isSettled, logStreamOf } from './resources.ts';
import { factsAgain, planJob, specifyHost } from './specify-work.ts';
import { OutputSync, SYNC_EVERY_MS } from './synced-outputs.ts';

/** Users are told of a start once the job has lasted this long: a shorter one shows its end at once, with one commit less. */
const SHOW_START_AFTER_MS = 300;

const FAILURE_BYTES_MAX = 4096;

/** Which job a piece of work belongs to; what backend and admission tell comes by work id. */
export interface WorkIndex {
  remember(workId: string, hosts: readonly JobHost[], reconciler: string, key: ResourceKey): void;
  forget(workId: string): void;
  /** False once the server is about to end its jobs. */
  mayStart(): boolean;
}

/**
 * Moves a job from its row to its end: admission, inputs by digest, start in the backend, outputs, terminal status. What
 * it does before a commit can be done again: starting is idempotent by work id, writing outputs by key and content.
 */
export function createJobReconciler<D extends AnyJobDocument>(kind: JobKind<D>, ports: JobsPorts, index: WorkIndex): Reconciler {
  return new JobReconciler(kind, ports, index);
}

class JobReconciler<D extends AnyJobDocument> implements Reconciler {
  readonly name: string;
  readonly #kind: JobKind<D>;
  readonly #ports: JobsPorts;
  readonly #index: WorkIndex;
  /** When staging began, for the times shown; after a restart the start itself stands in. */
  readonly #stagedAtMs = new Map<string, number>();

  readonly #sync: OutputSync;

  constructor(kind: JobKind<D>, ports: JobsPorts, index: WorkIndex) {
    this.#sync = new OutputSync(ports);
    this.name = kind.reconciler;
    this.#kind = kind;
    this.#ports = ports;
    this.#index = index;
  }

  async reconcile(key: ResourceKey): Promise<ReconcileResult> {
    const row = await readRow<D>(this.#ports.store, key);
    if (!row) return this.#clearTimer(key, 0);
    const { document: job } = row;
    if (isSettled(job.status)) return this.#release(row);
    const hosts = this.#hosts(job);
    this.#index.remember(job.workId, hosts, this.name, key);
    const { backend } = this.#ports;
    const statuses = await Promise.all(hosts.map(async (host) => ({ host, status: await backend.status(host.workId) })));
    if (statuses.some(({ status }) => status.phase !== 'absent'))
      this.#ports.admission.restore(job.workId, this.#reservation(job));
    const ending = job.status === 'Stopping' || job.failing !== undefined;
    const view = decideHosts(statuses, { ending, runtimeSeconds: this.#kind.runtimeSeconds(job) });
    switch (view.step) {
      case 'begin':
        return this.#begin(row, statuses);
      case 'run':
        return this.#run(row, view);
      case 'stop':
        for (const { workId } of view.live) await backend.stop(workId);
        return;
      case 'never-ran':
        return this.#endUnrun(row, hosts);
      case 'ended':
        // a reason to wait must not stand there while the outputs of a short job are written
        if (this.#showsWaiting(job) && view.end.startedAtMs !== undefined)
          return (await this.#showStart(row, view.end.startedAtMs, view.end.isolation)) ?? { retryAtMs: this.#now() };
        await this.#stopUnclaimed(statuses);
        return this.#finish(row, view);
    }
  }

  // start

  async #begin(row: Read<D>, statuses: readonly HostStatus[]): Promise<ReconcileResult> {
    const { document: job } = row;
    if (!this.#index.mayStart()) return;
    const admitted = this.#ports.admission.request(job.workId, {
      reservation: this.#reservation(job),
      queuedAtMs: job.createdAtMs,
      owner: job.owner,
    });
    if (!admitted.admitted) {
      if (job.waitingReason !== undefined) return;
      return this.#commit(row, this.#kind.waiting(job, admitted.reason, this.#now()));
    }
    this.#stagedAtMs.set(job.workId, this.#now());
    try {
      return await this.#start(row, statuses);
    } catch (error) {
      if (error instanceof ServiceError) throwPassing(error);
      if (error instanceof ServiceError) return this.#fail(row, `ClientError: ${error.code}: ${error.message}`);
      if (error instanceof BackendError && !error.retryable) return this.#fail(row, `InternalServerError: ${error.message}`);
      throw error;
    }
  }

  /** Starts the hosts that have no work yet: all of them, or what a server that died on the way left. */
  async #start(row: Read<D>, statuses: readonly HostStatus[]): Promise<ReconcileResult> {
    const { key, document: job } = row;
    const rights = { key, ...(await this.#publisher(key, job)) };
    const plan = await planJob(this.#kind, this.#ports, job, rights);
    if ('problem' in plan) return this.#fail(row, plan.problem);
    const hosts = statuses.map(({ host }) => host);
    const absent = statuses.filter(({ status }) => status.phase === 'absent').map(({ host }) => host);
    if (hosts.length > 1 && job.inputsDigest !== plan.inputsDigest) {
      if (absent.length < hosts.length)
        return this.#fail(row, 'ClientError: The inputs changed in S3 while the hosts were started. Run the job again.');
      // before the first has it, so that after a crash the others get the same or none
      return this.#commitQuietly(row, { ...job, inputsDigest: plan.inputsDigest });
    }
    for (const host of absent)
      await this.#ports.backend.start(await specifyHost(this.#kind, this.#ports, job, rights, plan, host, hosts));
  }

  async #run(row: Read<D>, view: { readonly startedAtMs?: number; readonly isolation: string }): Promise<ReconcileResult> {
    const { key, document: job } = row;
    const synced = this.#kind.synced(job);
    const again = synced.length > 0 ? { retryAtMs: this.#now() + SYNC_EVERY_MS } : undefined;
    if (view.startedAtMs === undefined) return;
    if (job.startedAtMs === undefined) return (await this.#showStart(row, view.startedAtMs, view.isolation)) ?? again;
    if (again) await this.#sync.pass(await this.#publisher(key, job), job.workId, this.#hosts(job), synced);
    return again;
  }

  async #endUnrun(row: Read<D>, hosts: readonly JobHost[]): Promise<ReconcileResult> {
    // a server that died just after handing a run over left a spawner that may still claim it: it must find the stop
    for (const { workId } of hosts) await this.#ports.backend.stop(workId);
    const { failing } = row.document;
    if (failing !== undefined) return this.#settleFailed(row, failing);
    return this.#settle(row, { status: 'Stopped', timedOut: false, atMs: this.#now() });
  }

  /** Hosts that never got work, of a job whose others have ended. */
  async #stopUnclaimed(statuses: readonly HostStatus[]): Promise<void> {
    for (const { host, status } of statuses) if (status.phase === 'absent') await this.#ports.backend.stop(host.workId);
  }

  #showsWaiting(job: D): boolean {
    return job.status === 'InProgress' && job.startedAtMs === undefined && job.waitingReason !== undefined;
  }

  async #showStart(row: Read<D>, startedAtMs: number, isolation: string): Promise<ReconcileResult> {
    const showAtMs = startedAtMs + SHOW_START_AFTER_MS;
    if (this.#now() < showAtMs && !this.#showsWaiting(row.document)) return { retryAtMs: showAtMs };
    const { document: job } = row;
    const facts = factsAgain(this.#kind, this.#ports, job, isolation);
    const stagedAtMs = this.#stagedAtMs.get(job.workId) ?? startedAtMs;
    return this.#commit(row, {
      ...this.#kind.running({ ...job, ...(facts && { facts }) }, { stagedAtMs, startedAtMs }),
      modifiedAtMs: this.#now(),
    });
  }

  // end

  async #finish(row: Read<D>, { end, host }: { readonly end: WorkEnd; readonly host: JobHost }): Promise<ReconcileResult> {
    const { key, document } = row;
    const facts = factsAgain(this.#kind, this.#ports, document, end.isolation);
    const job: D = { ...document, ...(facts && { facts }) };
    const hosts = this.#hosts(job);
    const decision =
      job.failing === undefined
        ? decideEnd(end, {
            stopping: job.status === 'Stopping',
            memoryMiB: facts?.limits.memoryMiB ?? 0,
            ...(hosts.length > 1 && { host: host.name }),
            ...(end.reason === 'exited' && end.exitCode !== 0 ? await this.#evidence(key, job, host) : { lastLines: [] }),
          })
        : ({ status: 'Failed', failureReason: job.failing, timedOut: false } as const);
    const settlement: Settlement = {
      ...decision,
      atMs: this.#now(),
      workEndedAtMs: end.endedAtMs,
      startedAtMs: end.startedAtMs,
      facts,
      end: { reason: end.reason, ...(end.exitCode !== undefined && { exitCode: end.exitCode }) },
    };
    // without a process there are no outputs
    if (end.startedAtMs === undefined) {
      const again = await this.#beginAnew(row, decision.failureReason);
      return again ?? this.#settle(row, { ...settlement, workEndedAtMs: undefined });
    }
    let publisher: Publisher;
    try {
      publisher = await this.#publisher(key, job);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      throwPassing(error);
      const failureReason = decision.failureReason ?? `ClientError: ${error.message}`;
      return this.#settle(row, { ...settlement, status: 'Failed', failureReason });
    }
    const unsynced = await this.#syncLast(publisher, job, hosts);
    const again = await this.#beginAnew(row, decision.failureReason); // with the checkpoints as they are now
    if (again) return again;
    let current = { ...row, document: job };
    const context: EndContext = {
      ports: this.#ports,
      ...publisher,
      hosts,
      logStreams: hosts.map((each) => this.#logStream(key, job, each)),
      end,
      decision,
      uploading: async () => {
        current = (await this.#showUpload(current, end)) ?? current;
      },
    };
    const collected = await this.#collect(context, job);
    const problem = unsynced ?? collected.problem;
    const failed = problem !== undefined && decision.status !== 'Failed';
    return this.#settle(
      current,
      { ...settlement, atMs: this.#now(), ...(failed && { status: 'Failed', failureReason: problem, timedOut: false }) },
      collected.members,
    );
  }

  /** What S3 refused of the outputs that it has while the job runs. */
  async #syncLast(publisher: Publisher, job: D, hosts: readonly JobHost[]): Promise<string | undefined> {
    let problem: string | undefined;
    for (const output of this.#kind.synced(job)) {
      const published = await this.#unlessUnreadable(() => this.#sync.lastPass(publisher, job.workId, hosts, output));
      if ('problem' in published) problem ??= published.problem;
    }
    return problem;
  }

  async #collect(context: EndContext, job: D): Promise<Collected<D>> {
    const collected = await this.#unlessUnreadable(() => this.#kind.collect(context, job));
    return 'members' in collected ? collected : { members: {}, ...collected };
  }

  /** Outputs that cannot be read, however often that is tried, are the job's failure. */
  async #unlessUnreadable<T>(act: () => Promise<T>): Promise<T | { readonly problem: string }> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof BackendError) || error.reason !== 'user-code') throw error;
      return { problem: `ClientError: Failed to upload outputs: ${error.message}` };
    }
  }

  /** Shows a long upload; the row as it is then. */
  async #showUpload(row: Read<D>, end: WorkEnd): Promise<Read<D> | undefined> {
    if (row.document.status !== 'InProgress' || !this.#kind.uploading) return undefined;
    const startedAtMs = end.startedAtMs ?? end.endedAtMs;
    const began =
      row.document.startedAtMs === undefined
        ? this.#kind.running(row.document, { stagedAtMs: startedAtMs, startedAtMs })
        : row.document;
    const next = { ...this.#kind.uploading(began, end.endedAtMs), modifiedAtMs: this.#now() };
    const { outcome } = await this.#ports.store.commit(transitionCommit(this.#kind, row, next, this.#now()));
    // in any other case the last commit meets the conflict and everything is looked at again
    return outcome === 'done' ? { ...row, version: row.version + 1, document: next } : undefined;
  }

  async #evidence(key: ResourceKey, job: D, host: JobHost): Promise<{ failureText?: string; lastLines: readonly string[] }> {
    const failureText = await this.#ports.backend.readText(host.workId, FAILURE_FILE, FAILURE_BYTES_MAX);
    return {
      lastLines: await lastLogLines(this.#ports.logFiles, this.#logStream(key, job, host)),
      ...(failureText !== undefined && { failureText }),
    };
  }

  /** The job cannot go on. Hosts that run are ended first: the reason is kept meanwhile. */
  async #fail(row: Read<D>, failureReason: string): Promise<ReconcileResult> {
    const { backend } = this.#ports;
    const phases = await Promise.all(this.#hosts(row.document).map(async ({ workId }) => (await backend.status(workId)).phase));
    if (phases.some((phase) => phase !== 'absent')) return this.#commitQuietly(row, { ...row.document, failing: failureReason });
    return (await this.#beginAnew(row, failureReason)) ?? this.#settleFailed(row, failureReason);
  }

  #settleFailed(row: Read<D>, failureReason: string): Promise<ReconcileResult> {
    return this.#settle(row, {
      status: 'Failed',
      failureReason: failureReason.slice(0, 1024),
      timedOut: false,
      atMs: this.#now(),
    });
  }

  /** Another attempt, under other names, where the job asks for it and the fault was not its own. */
  async #beginAnew(row: Read<D>, failureReason: string | undefined): Promise<ReconcileResult> {
    const { document: job } = row;
    const { attempt = 0 } = job;
    if (!failureReason?.startsWith('InternalServerError: ') || attempt >= this.#kind.retries(job)) return undefined;
    const { startedAtMs: _started, failing: _failing, inputsDigest: _inputs, waitingReason: _waiting, ...kept } = job;
    const next = this.#kind.restarting(
      { ...(kept as D), attempt: attempt + 1 },
      `Begun anew after: ${failureReason}`,
      this.#now(),
    );
    return (await this.#commit(row, next)) ?? { retryAtMs: this.#now() };
  }

  async #settle(row: Read<D>, settlement: Settlement, collected: Partial<D> = {}): Promise<ReconcileResult> {
    const again = await this.#commit(row, this.#kind.settled(row.document, settlement, collected));
    if (again) return again;
    this.#stagedAtMs.delete(row.document.workId);
    this.#sync.forget(row.document.workId);
    this.#index.forget(row.document.workId);
    this.#ports.admission.release(row.document.workId);
  }

  /** After its time the files of a settled job go, and with them the last timer. */
  async #release({ key, version, document: job }: Read<D>): Promise<ReconcileResult> {
    this.#ports.admission.release(job.workId); // a crash may have come between the commit and this
    if (this.#now() < (job.endedAtMs ?? 0) + RELEASE_AFTER_MS) return;
    for (const workId of this.#kind.workIds(job)) await this.#ports.backend.release(workId);
    return this.#clearTimer(key, version);
  }

  /** Expects the row it looked at: a job made meanwhile under the same name has set the same timer, and needs it. */
  async #clearTimer(key: ResourceKey, version: number): Promise<void> {
    await this.#ports.store.commit({ expect: [{ key, version }], timers: [{ reconciler: this.name, key, dueAtMs: null }] });
  }

  /** Whatever else the store answers, everything is looked at again. */
  async #commit(row: Read<D>, next: D): Promise<ReconcileResult> {
    const { outcome } = await this.#ports.store.commit(transitionCommit(this.#kind, row, next, this.#now()));
    return outcome === 'done' ? undefined : { retryAtMs: this.#now() };
  }

  /** A note of our own, which users see nothing of. */
  async #commitQuietly(row: Read<D>, next: D): Promise<ReconcileResult> {
    await this.#ports.store.commit({
      expect: [{ key: row.key, version: row.version }],
      write: [jobWrite(this.#kind, row.key, next)],
    });
    return { retryAtMs: this.#now() };
  }

  #hosts(job: D): JobHost[] {
    return planHosts(job, this.#kind.instanceCount(job));
  }

  /** All hosts of a job get in together. */
  #reservation(job: D): Reservation {
    return timesHosts(this.#ports.settings.reservations.job, this.#kind.instanceCount(job));
  }

  /** The rights of the job's role. */
  async #publisher(key: ResourceKey, job: D): Promise<Publisher> {
    const principal = await this.#ports.roles.assume(
      assumptionOf({ account: key.account, workId: job.workId, onBehalfOf: job.arn }, job.request.RoleArn),
    );
    return { calls: this.#ports.calls, principal, origin: originOf(key, job) };
  }

  #logStream(key: ResourceKey, job: D, host: JobHost): LogStreamName {
    return { account: key.account, region: key.region, ...logStreamOf(this.#kind.noun, job, host.name) };
  }

  #now(): number {
    return this.#ports.clock.now();
  }
}

const originOf = (key: ResourceKey, job: AnyJobDocument): CallOrigin => ({ region: key.region, requestId: job.requestId });
