import { type Reservation, timesHosts } from '../../platform/admission/port.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { assumptionOf } from '../../platform/authorization/work-credentials.ts';
import type { CallOrigin } from '../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import { openLogStream } from '../../platform/log-streams.ts';
import type { Reconciler, ReconcileResult } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { decideTransform, type TransformHostStatus } from './decide-transform-hosts.ts';
import { jobWrite, RELEASE_AFTER_MS, transitionCommit } from './job-rows.ts';
import {
  planDriver,
  planTransformServer,
  TRANSFORM_LOG_GROUP,
  type TransformHost,
  transformHosts,
  transformLogStreams,
  transformWorks,
} from './plan-transform.ts';
import type { JobsPorts } from './ports.ts';
import type { WorkIndex } from './reconcile-job.ts';
import { createInputReader } from './resolve-inputs.ts';
import { resolveTransformFiles } from './resolve-transform-files.ts';
import { isSettled, type TransformJobDocument } from './resources.ts';
import { TRANSFORM_KIND as KIND } from './transform-kind.ts';
import { publishTransform, transformFailure } from './transform-outcome.ts';

type Row = Read<TransformJobDocument>;

interface End {
  readonly status: 'Completed' | 'Failed' | 'Stopped';
  readonly failureReason?: string;
  readonly startedAtMs?: number;
}

/**
 * Moves a transform job from its row to its end: admission, inputs by digest, per host a model server and a driver that asks it, outputs,
 * terminal status. The inputs are in the row before the first work is started, so every host and every start after a crash gets the
 * same ones. Drivers and model servers need no server of ours: a job goes on, and ends, while it is away.
 */
export function createTransformReconciler(ports: JobsPorts, index: WorkIndex): Reconciler {
  return new TransformReconciler(ports, index);
}

class TransformReconciler implements Reconciler {
  readonly name = KIND.reconciler;
  readonly #ports: JobsPorts;
  readonly #index: WorkIndex;

  constructor(ports: JobsPorts, index: WorkIndex) {
    this.#ports = ports;
    this.#index = index;
  }

  async reconcile(key: ResourceKey): Promise<ReconcileResult> {
    const row = await readRow<TransformJobDocument>(this.#ports.store, key);
    if (!row) return this.#clearTimer(key, 0);
    const { document: job } = row;
    if (isSettled(job.status)) return this.#release(row);
    const hosts = transformHosts(job);
    this.#index.remember(job.workId, transformWorks(job), this.name, key);
    const statuses = await this.#statuses(hosts);
    if (statuses.some(isBegun)) this.#ports.admission.restore(job.workId, this.#reservation(job));
    const view = decideTransform(statuses, job.status === 'Stopping' || job.failing !== undefined);
    switch (view.step) {
      case 'begin':
        return this.#begin(row);
      case 'run':
        if (view.startedAtMs === undefined || job.startedAtMs !== undefined) return;
        return this.#commit(row, { ...job, startedAtMs: view.startedAtMs, modifiedAtMs: this.#now() });
      case 'stop':
        return this.#stop(hosts);
      case 'ended':
        return this.#finish(row, hosts, statuses);
    }
  }

  #statuses(hosts: readonly TransformHost[]): Promise<TransformHostStatus[]> {
    const { backend } = this.#ports;
    return Promise.all(
      hosts.map(async ({ driver, servers }) => ({
        driver: await backend.status(driver),
        servers: await Promise.all(servers.map((id) => backend.status(id))),
      })),
    );
  }

  // start

  async #begin(row: Row): Promise<ReconcileResult> {
    const { document: job } = row;
    if (!this.#index.mayStart()) return;
    const { workId, createdAtMs: queuedAtMs, owner } = job;
    const admitted = this.#ports.admission.request(workId, { reservation: this.#reservation(job), queuedAtMs, owner });
    if (!admitted.admitted) {
      if (job.waitingReason !== undefined) return;
      return this.#commit(row, { ...job, waitingReason: admitted.reason, modifiedAtMs: this.#now() });
    }
    try {
      const principal = await this.#assume(row);
      if (!job.files) return await this.#pinFiles(row, principal);
      for (const host of transformHosts(job).keys()) await this.#startHost(row, host, principal);
    } catch (error) {
      if (error instanceof ServiceError) throwPassing(error);
      if (error instanceof ServiceError) return this.#fail(row, `ClientError: ${error.code}: ${error.message}`);
      if (error instanceof BackendError && !error.retryable) return this.#fail(row, `InternalServerError: ${error.message}`);
      throw error;
    }
  }

  async #pinFiles(row: Row, principal: Principal): Promise<ReconcileResult> {
    const reader = createInputReader({ calls: this.#ports.calls, principal, origin: originOf(row) });
    const resolved = await resolveTransformFiles(reader, row.document.request);
    if ('problem' in resolved) return this.#fail(row, resolved.problem);
    return this.#commitQuietly(row, { ...row.document, files: resolved.files });
  }

  /** All of it is idempotent by work id: what runs already is left as it is. */
  async #startHost({ key, document: job }: Row, index: number, principal: Principal): Promise<void> {
    const { backend, credentials, instanceLimits } = this.#ports;
    const host = transformHosts(job)[index] as TransformHost;
    const streams = transformLogStreams(job, host);
    const limits = instanceLimits(job.request.TransformResources.InstanceType);
    const open = (stream: string) =>
      openLogStream(this.#ports, principal, originOf({ key, document: job }), {
        account: key.account,
        region: key.region,
        group: TRANSFORM_LOG_GROUP,
        stream,
      });
    for (const [place, container] of job.model.containers.entries()) {
      const workId = host.servers[place] ?? '';
      const access = { account: key.account, region: key.region, roleArn: job.model.roleArn, workId, onBehalfOf: job.arn };
      const environment = await credentials.environment(access);
      const logFile = await open(streams.servers[place] ?? '');
      await backend.start(planTransformServer(job, container, workId, { region: key.region, logFile, limits, environment }));
    }
    await backend.start(planDriver(job, index, { logFile: await open(streams.driver), limits }));
  }

  // end

  /** Drivers first: one that finds its model server gone would say so instead of the reason. */
  async #stop(hosts: readonly TransformHost[]): Promise<void> {
    const { backend } = this.#ports;
    for (const { driver } of hosts) await backend.stop(driver);
    for (const { servers } of hosts) for (const id of servers) await backend.stop(id);
  }

  async #finish(row: Row, hosts: readonly TransformHost[], statuses: readonly TransformHostStatus[]): Promise<ReconcileResult> {
    const { key, document: job } = row;
    // a server that died just after handing a run over left a spawner that may still claim it: it must find the stop
    await this.#stop(hosts);
    const starts = statuses.map(({ driver }) => (driver.phase === 'ended' ? driver.startedAtMs : undefined));
    const startedAtMs = starts.filter((time) => time !== undefined).toSorted((a, b) => a - b)[0];
    const stopped = job.status === 'Stopping' && job.failing === undefined;
    const failureReason =
      job.failing ?? (stopped ? undefined : await transformFailure(this.#ports, key, job, hosts, statuses, this.#memoryMiB(job)));
    if (stopped || startedAtMs === undefined)
      return this.#settle(row, stopped ? { status: 'Stopped', startedAtMs } : { status: 'Failed', failureReason });
    // inputs that succeeded have their outputs also when others failed
    const problem = await this.#publish(row, hosts, failureReason === undefined);
    const reason = failureReason ?? problem;
    return this.#settle(row, { status: reason === undefined ? 'Completed' : 'Failed', failureReason: reason, startedAtMs });
  }

  async #publish(row: Row, hosts: readonly TransformHost[], completed: boolean): Promise<string | undefined> {
    try {
      const publisher = { calls: this.#ports.calls, principal: await this.#assume(row), origin: originOf(row) };
      return await publishTransform(this.#ports.backend, publisher, row.document, hosts, completed);
    } catch (error) {
      if (error instanceof ServiceError) throwPassing(error);
      if (error instanceof ServiceError) return `ClientError: ${error.code}: ${error.message}`;
      if (error instanceof BackendError && error.reason === 'user-code')
        return `ClientError: Failed to upload outputs: ${error.message}`;
      throw error;
    }
  }

  /** The job cannot go on. Works that run are ended first: the reason is kept meanwhile. */
  async #fail(row: Row, failureReason: string): Promise<ReconcileResult> {
    const statuses = await this.#statuses(transformHosts(row.document));
    if (statuses.some(isBegun)) return this.#commitQuietly(row, { ...row.document, failing: failureReason });
    return this.#settle(row, { status: 'Failed', failureReason });
  }

  async #settle(row: Row, { status, failureReason, startedAtMs }: End): Promise<ReconcileResult> {
    const { files: _files, failing: _failing, ...job } = row.document;
    const nowMs = this.#now();
    const again = await this.#commit(row, {
      ...job,
      status,
      modifiedAtMs: nowMs,
      endedAtMs: nowMs,
      ...(startedAtMs !== undefined && { startedAtMs }),
      ...(failureReason !== undefined && { failureReason: failureReason.slice(0, 1024) }),
    });
    if (again) return again;
    this.#index.forget(job.workId);
    this.#ports.admission.release(job.workId);
  }

  /** After its time the files of a settled job go, and with them the last timer. */
  async #release({ key, version, document: job }: Row): Promise<ReconcileResult> {
    this.#ports.admission.release(job.workId); // a crash may have come between the commit and this
    if (this.#now() < (job.endedAtMs ?? 0) + RELEASE_AFTER_MS) return;
    for (const workId of KIND.workIds?.(job) ?? []) await this.#ports.backend.release(workId);
    return this.#clearTimer(key, version);
  }

  /** Expects the row it looked at: a job made meanwhile under the same name has set the same timer, and needs it. */
  async #clearTimer(key: ResourceKey, version: number): Promise<void> {
    await this.#ports.store.commit({ expect: [{ key, version }], timers: [{ reconciler: this.name, key, dueAtMs: null }] });
  }

  /** Whatever else the store answers, everything is looked at again. */
  async #commit(row: Row, next: TransformJobDocument): Promise<ReconcileResult> {
    const { outcome } = await this.#ports.store.commit(transitionCommit(KIND, row, next, this.#now()));
    return outcome === 'done' ? undefined : { retryAtMs: this.#now() };
  }

  /** A note of our own, which users see nothing of. */
  async #commitQuietly({ key, version }: Row, next: TransformJobDocument): Promise<ReconcileResult> {
    await this.#ports.store.commit({ expect: [{ key, version }], write: [jobWrite(KIND, key, next)] });
    return { retryAtMs: this.#now() };
  }

  /** All hosts get in together. A host counts as a job does: its driver waits while its model server works. */
  #reservation(job: TransformJobDocument): Reservation {
    return timesHosts(this.#ports.settings.reservations.job, transformHosts(job).length);
  }

  #memoryMiB(job: TransformJobDocument): number {
    return this.#ports.instanceLimits(job.request.TransformResources.InstanceType).memoryMiB;
  }

  #assume({ key, document: job }: Row): Promise<Principal> {
    return this.#ports.roles.assume(
      assumptionOf({ account: key.account, workId: job.workId, onBehalfOf: job.arn }, job.model.roleArn),
    );
  }

  #now(): number {
    return this.#ports.clock.now();
  }
}

const isBegun = ({ driver, servers }: TransformHostStatus): boolean =>
  [driver, ...servers].some(({ phase }) => phase !== 'absent');

const originOf = ({ key, document: job }: Pick<Row, 'key' | 'document'>): CallOrigin => ({
  region: key.region,
  requestId: job.requestId,
});
