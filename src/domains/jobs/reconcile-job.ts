import type { Principal } from '../../platform/authorization/principal.ts';
import { assumptionOf } from '../../platform/authorization/work-credentials.ts';
import type { CallOrigin } from '../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { lastLogLines, openLogStream, OWN_LINE } from '../../platform/log-streams.ts';
import type { LogStreamName } from '../../platform/ports/log-files.ts';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import type { WorkEnd, WorkSpec } from '../../platform/ports/work.ts';
import type { Reconciler, ReconcileResult } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { decideEnd } from './decide-end.ts';
import type { Collected, EndContext, JobKind, Settlement } from './job-kind.ts';
import { RELEASE_AFTER_MS, transitionCommit } from './job-rows.ts';
import { FAILURE_FILE, HOST } from './plan-training.ts';
import type { JobsPorts } from './ports.ts';
import { createInputReader, resolveInputs } from './resolve-inputs.ts';
import { type AnyJobDocument, isSettled, type JobFacts, logStreamOf } from './resources.ts';

/** Users are told of a start once the job has lasted this long: a shorter one shows its end at once, with one commit less. */
const SHOW_START_AFTER_MS = 300;

const FAILURE_BYTES_MAX = 4096;

/** Which job a piece of work belongs to; what backend and admission tell comes by work id. */
export interface WorkIndex {
  remember(workId: string, reconciler: string, key: ResourceKey): void;
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

  constructor(kind: JobKind<D>, ports: JobsPorts, index: WorkIndex) {
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
    this.#index.remember(job.workId, this.name, key);
    const status = await this.#ports.backend.status(job.workId);
    if (status.phase === 'absent') return this.#begin(row);
    this.#ports.admission.restore(job.workId, this.#ports.settings.reservations.job);
    if (status.phase === 'ended') {
      // a reason to wait must not stand there while the outputs of a short job are written
      if (this.#showsWaiting(job) && status.startedAtMs !== undefined)
        return (await this.#showStart(row, status.startedAtMs, status.isolation)) ?? { retryAtMs: this.#now() };
      return this.#finish(row, status);
    }
    if (job.status === 'Stopping') await this.#ports.backend.stop(job.workId);
    if (status.phase === 'running' && job.startedAtMs === undefined)
      return this.#showStart(row, status.startedAtMs, status.isolation);
  }

  // start

  async #begin(row: Read<D>): Promise<ReconcileResult> {
    const { document: job } = row;
    if (job.status === 'Stopping') {
      // a server that died just after handing the run over left a spawner that may still claim it: it must find the stop
      await this.#ports.backend.stop(job.workId);
      return this.#settle(row, { status: 'Stopped', timedOut: false, atMs: this.#now() });
    }
    if (!this.#index.mayStart()) return;
    const admitted = this.#ports.admission.request(job.workId, {
      reservation: this.#ports.settings.reservations.job,
      queuedAtMs: job.createdAtMs,
      owner: job.owner,
    });
    if (!admitted.admitted) {
      if (job.waitingReason !== undefined) return;
      return this.#commit(row, this.#kind.waiting(job, admitted.reason, this.#now()));
    }
    this.#stagedAtMs.set(job.workId, this.#now());
    try {
      const spec = await this.#specify(row);
      if ('problem' in spec) return await this.#fail(row, spec.problem);
      await this.#ports.backend.start(spec);
    } catch (error) {
      if (error instanceof ServiceError) return this.#fail(row, `ClientError: ${error.code}: ${error.message}`);
      if (error instanceof BackendError && !error.retryable) return this.#fail(row, `InternalServerError: ${error.message}`);
      throw error;
    }
  }

  async #specify({ key, document: job }: Read<D>): Promise<WorkSpec | { readonly problem: string }> {
    const { runtimes, calls } = this.#ports;
    const image = runtimes.resolve(this.#kind.image(job));
    if ('problem' in image) return { problem: `ClientError: ${image.problem}` };
    const command = this.#kind.command(job, image);
    if ('problem' in command) return { problem: `ClientError: ${command.problem}` };
    const principal = await this.#assume(key, job);
    const origin = originOf(key, job);
    const resolved = await resolveInputs(createInputReader({ calls, principal, origin }), this.#kind.channels(job));
    if ('problem' in resolved) return resolved;
    const logFile = await openLogStream(this.#ports, principal, origin, this.#logStream(key, job));
    const facts = this.#facts(job, image);
    return {
      id: job.workId,
      kind: 'job',
      hostname: HOST,
      hosts: [HOST],
      runtime: { name: image.runtime },
      image: image.image,
      command: command as readonly string[],
      workingDirectory: '/', // where containers of AWS's images start; scripts unpack to `..` and look in `.`
      environment: await this.#environment(key, job, image),
      files: this.#kind.files(job),
      inputs: resolved.inputs,
      outputs: this.#kind.outputs(job),
      limits: {
        maxRuntimeSeconds: this.#kind.runtimeSeconds(job),
        graceSeconds: this.#kind.graceSeconds,
        memoryBytes: facts.limits.memoryMiB * 1024 * 1024,
        cpus: facts.limits.cpus,
      },
      network: this.#kind.networkIsolation(job) ? 'none' : 'host',
      logFile,
      preamble: [...facts.notes, '{isolation}'].map((note) => `${OWN_LINE}${note}`),
    };
  }

  async #environment(key: ResourceKey, job: D, image: ResolvedImage): Promise<Record<string, string>> {
    const { note: _note, ...profile } = image.profile; // the log's head says it already
    const region = { AWS_REGION: key.region, AWS_DEFAULT_REGION: key.region, SAGEMAKER_REGION: key.region };
    const access = this.#kind.networkIsolation(job)
      ? {}
      : await this.#ports.credentials.environment({
          account: key.account,
          region: key.region,
          roleArn: job.request.RoleArn,
          workId: job.workId,
          onBehalfOf: job.arn,
        });
    return { ...region, ...access, ...this.#kind.environment(job), SLIPWAY_IMAGE_PROFILE: JSON.stringify(profile) };
  }

  #facts(job: D, image: ResolvedImage): JobFacts {
    const { cpus, memoryMiB, note } = this.#ports.instanceLimits(this.#kind.instanceType(job));
    const about = image.profile['note'];
    return {
      framework: image.framework,
      image: image.image,
      libraries: image.actual,
      promised: image.promised,
      limits: { cpus, memoryMiB },
      notes: [...(typeof about === 'string' ? [about] : []), ...(note === undefined ? [] : [note])],
    };
  }

  #factsAgain(job: D, isolation: string): JobFacts | undefined {
    if (job.facts) return { ...job.facts, isolation };
    try {
      const image = this.#ports.runtimes.resolve(this.#kind.image(job));
      return 'problem' in image ? undefined : { ...this.#facts(job, image), isolation };
    } catch (error) {
      if (error instanceof BackendError) return undefined; // the runtime was removed meanwhile: the job ran all the same
      throw error;
    }
  }

  #showsWaiting(job: D): boolean {
    return job.status === 'InProgress' && job.startedAtMs === undefined && job.waitingReason !== undefined;
  }

  async #showStart(row: Read<D>, startedAtMs: number, isolation: string): Promise<ReconcileResult> {
    const showAtMs = startedAtMs + SHOW_START_AFTER_MS;
    if (this.#now() < showAtMs && !this.#showsWaiting(row.document)) return { retryAtMs: showAtMs };
    const { document: job } = row;
    const facts = this.#factsAgain(job, isolation);
    const stagedAtMs = this.#stagedAtMs.get(job.workId) ?? startedAtMs;
    return this.#commit(row, {
      ...this.#kind.running({ ...job, ...(facts && { facts }) }, { stagedAtMs, startedAtMs }),
      modifiedAtMs: this.#now(),
    });
  }

  // end

  async #finish(row: Read<D>, end: WorkEnd): Promise<ReconcileResult> {
    const { key, document } = row;
    const facts = this.#factsAgain(document, end.isolation);
    const job: D = { ...document, ...(facts && { facts }) };
    const decision = decideEnd(end, {
      stopping: job.status === 'Stopping',
      memoryMiB: facts?.limits.memoryMiB ?? 0,
      ...(end.reason === 'exited' && end.exitCode !== 0 ? await this.#evidence(key, job) : { lastLines: [] }),
    });
    const settlement: Settlement = {
      ...decision,
      atMs: this.#now(),
      workEndedAtMs: end.endedAtMs,
      startedAtMs: end.startedAtMs,
      facts,
      end: { reason: end.reason, ...(end.exitCode !== undefined && { exitCode: end.exitCode }) },
    };
    // without a process there are no outputs
    if (end.startedAtMs === undefined) return this.#settle(row, { ...settlement, workEndedAtMs: undefined });
    let principal: Principal;
    try {
      principal = await this.#assume(key, job);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return this.#settle(row, {
        ...settlement,
        status: 'Failed',
        failureReason: decision.failureReason ?? `ClientError: ${error.message}`,
      });
    }
    let current = { ...row, document: job };
    const context: EndContext = {
      ports: this.#ports,
      principal,
      origin: originOf(key, job),
      logStream: this.#logStream(key, job),
      end,
      decision,
      uploading: async () => {
        current = (await this.#showUpload(current, end)) ?? current;
      },
    };
    const collected = await this.#collect(context, job);
    const failed = collected.problem !== undefined && decision.status !== 'Failed';
    return this.#settle(
      current,
      {
        ...settlement,
        atMs: this.#now(),
        ...(failed && { status: 'Failed', failureReason: collected.problem, timedOut: false }),
      },
      collected.members,
    );
  }

  /** Outputs that cannot be read, however often that is tried, are the job's failure. */
  async #collect(context: EndContext, job: D): Promise<Collected<D>> {
    try {
      return await this.#kind.collect(context, job);
    } catch (error) {
      if (!(error instanceof BackendError) || error.reason !== 'user-code') throw error;
      return { members: {}, problem: `ClientError: Failed to upload outputs: ${error.message}` };
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

  async #evidence(key: ResourceKey, job: D): Promise<{ failureText?: string; lastLines: readonly string[] }> {
    const failureText = await this.#ports.backend.readText(job.workId, FAILURE_FILE, FAILURE_BYTES_MAX);
    return {
      lastLines: await lastLogLines(this.#ports.logFiles, this.#logStream(key, job)),
      ...(failureText !== undefined && { failureText }),
    };
  }

  #fail(row: Read<D>, failureReason: string): Promise<ReconcileResult> {
    return this.#settle(row, {
      status: 'Failed',
      failureReason: failureReason.slice(0, 1024),
      timedOut: false,
      atMs: this.#now(),
    });
  }

  async #settle(row: Read<D>, settlement: Settlement, collected: Partial<D> = {}): Promise<ReconcileResult> {
    const again = await this.#commit(row, this.#kind.settled(row.document, settlement, collected));
    if (again) return again;
    this.#stagedAtMs.delete(row.document.workId);
    this.#index.forget(row.document.workId);
    this.#ports.admission.release(row.document.workId);
  }

  /** After its time the files of a settled job go, and with them the last timer. */
  async #release({ key, version, document: job }: Read<D>): Promise<ReconcileResult> {
    this.#ports.admission.release(job.workId); // a crash may have come between the commit and this
    if (this.#now() < (job.endedAtMs ?? 0) + RELEASE_AFTER_MS) return;
    await this.#ports.backend.release(job.workId);
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

  #assume(key: ResourceKey, job: D): Promise<Principal> {
    return this.#ports.roles.assume(
      assumptionOf({ account: key.account, workId: job.workId, onBehalfOf: job.arn }, job.request.RoleArn),
    );
  }

  #logStream(key: ResourceKey, job: D): LogStreamName {
    return { account: key.account, region: key.region, ...logStreamOf(this.#kind.noun, job) };
  }

  #now(): number {
    return this.#ports.clock.now();
  }
}

const originOf = (key: ResourceKey, job: AnyJobDocument): CallOrigin => ({ region: key.region, requestId: job.requestId });
