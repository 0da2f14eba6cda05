import type { PhaseContext, StatusType } from '../../contract/generated/codebuild.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import type { WorkEnd } from '../../platform/ports/work.ts';
import type { Reconciler, ReconcileResult } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { buildCommit, RELEASE_AFTER_MS } from './build-rows.ts';
import { openSession } from './build-session.ts';
import { decideEnd, refusedImage } from './decide-end.ts';
import { closed, currentPhaseOf, ended, merged, next, readRecords, type BuildRecords } from './decide-phases.ts';
import { RECORDS_FILE } from './decide-plan.ts';
import { failUpload, finishUpload, type Upload } from './finish-upload.ts';
import { pinSources } from './pin-sources.ts';
import type { BuildsPorts } from './ports.ts';
import { BUILD_RECONCILER, type BuildDocument, isEnded } from './resources.ts';
import { releaseFiles, specifyBuild } from './specify-work.ts';
import { restoredCache } from './build-cache.ts';

const RECORDS_BYTES_MAX = 4 * 1024 * 1024;
/** Hints of the driver wake the build; this stands behind them. */
const LOOK_AGAIN_MS = 2_000;

/** Which build a piece of work belongs to: what backend and admission tell comes by work id. */
export interface BuildIndex {
  remember(workId: string, key: ResourceKey): void;
  forget(workId: string): void;
}

/**
 * Moves a build from its row to its end: admission, sources by digest, start in the backend, phases as its driver tells them, artifacts
 * to S3. What it does before a commit can be done again: starting is idempotent by work id, uploading by key and content.
 */
export function createBuildReconciler(ports: BuildsPorts, index: BuildIndex): Reconciler {
  return new BuildReconciler(ports, index);
}

class BuildReconciler implements Reconciler {
  readonly name = BUILD_RECONCILER;
  readonly #ports: BuildsPorts;
  readonly #index: BuildIndex;

  constructor(ports: BuildsPorts, index: BuildIndex) {
    this.#ports = ports;
    this.#index = index;
  }

  async reconcile(key: ResourceKey): Promise<ReconcileResult> {
    const row = await readRow<BuildDocument>(this.#ports.store, key);
    if (!row) return this.#clearTimer(key, 0);
    const { document: build } = row;
    if (isEnded(build.status)) return this.#release(row);
    this.#index.remember(build.workId, key);
    const status = await this.#ports.backend.status(build.workId);
    if (status.phase === 'absent') return build.stopping ? this.#stopUnrun(row) : this.#begin(row);
    this.#ports.admission.restore(build.workId, this.#ports.settings.reservations.job);
    if (status.phase === 'ended') return this.#finish(row, status);
    if (build.stopping) {
      await this.#ports.backend.stop(build.workId);
      return;
    }
    return status.phase === 'running' ? this.#follow(row) : undefined;
  }

  // start

  async #begin(row: Read<BuildDocument>): Promise<ReconcileResult> {
    const { document: build } = row;
    const untilMs = build.createdAtMs + build.settings.queuedTimeoutInMinutes * 60_000;
    if (build.sources === undefined && this.#now() >= untilMs) {
      this.#ports.admission.release(build.workId);
      return this.#settle(row, 'TIMED_OUT', { statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out in the queue. ' });
    }
    const admitted = this.#ports.admission.request(build.workId, {
      reservation: this.#ports.settings.reservations.job,
      queuedAtMs: build.createdAtMs,
      owner: build.projectName,
    });
    // one that was let in before waits as long as it takes
    const waiting = build.sources === undefined ? { retryAtMs: untilMs } : undefined;
    if (!admitted.admitted) return waiting;
    if (!this.#ports.tools.prepared()) {
      void this.#ports.tools.prepare().then(() => this.#ports.loop.wake(BUILD_RECONCILER, row.key));
      return waiting;
    }
    try {
      return await this.#start(row);
    } catch (error) {
      if (error instanceof ServiceError) {
        throwPassing(error);
        return this.#settle(row, 'FAILED', { statusCode: 'CLIENT_ERROR', message: `${error.code}: ${error.message}` });
      }
      if (error instanceof BackendError && !error.retryable) {
        return this.#settle(row, 'FAULT', { statusCode: 'INTERNAL_SERVICE_ERROR', message: error.message });
      }
      throw error;
    }
  }

  /** The sources are recorded before the work is started: a server that comes later starts it with the same. */
  async #start(row: Read<BuildDocument>): Promise<ReconcileResult> {
    const { key } = row;
    let build = row.document;
    const refused = refusedImage(build.settings.environment.image);
    if (refused) {
      const provisioning = { ...build, phases: next(build.phases, 'PROVISIONING', this.#now()) };
      return this.#settle({ ...row, document: provisioning }, 'FAILED', refused, build);
    }
    const session = await openSession(this.#ports, key, build);
    if (build.sources === undefined) {
      const nowMs = this.#now();
      const phases = next(build.phases, 'PROVISIONING', nowMs);
      const pinned = await pinSources(session, build);
      if ('problem' in pinned) {
        const failing = { ...row, document: { ...build, phases: next(phases, 'DOWNLOAD_SOURCE', nowMs) } };
        return this.#settle(failing, 'FAILED', { statusCode: 'CLIENT_ERROR', message: pinned.problem }, row.document);
      }
      const { sources } = pinned;
      for (const { digest } of sources.flatMap(({ entries }) => entries)) {
        // collected between the reading and this: read again, it has its content back or is another
        if (!(await this.#ports.blobs.keep(digest))) return { retryAtMs: this.#now() };
      }
      const version = sources[0]?.version;
      build = {
        ...build,
        sources,
        phases,
        currentPhase: 'PROVISIONING',
        modifiedAtMs: nowMs,
        ...(version !== undefined && { resolvedSourceVersion: version }),
      };
      const { outcome } = await this.#ports.store.commit(buildCommit(row, build));
      if (outcome !== 'done') return { retryAtMs: this.#now() };
    }
    const cache = await restoredCache(this.#ports, session, key, build);
    const tools = await this.#ports.tools.prepare();
    await this.#ports.backend.start(await specifyBuild(this.#ports, key, build, session, tools, cache));
  }

  async #stopUnrun(row: Read<BuildDocument>): Promise<ReconcileResult> {
    // a server that died just after handing the work over left a spawner that may still claim it: it must find the stop
    await this.#ports.backend.stop(row.document.workId);
    return this.#settle(row, 'STOPPED');
  }

  // while it runs

  async #records(build: BuildDocument): Promise<BuildRecords> {
    return readRecords((await this.#ports.backend.readText(build.workId, RECORDS_FILE, RECORDS_BYTES_MAX)) ?? '');
  }

  async #follow(row: Read<BuildDocument>): Promise<ReconcileResult> {
    const { document: build } = row;
    const shown = told(build, await this.#records(build));
    if (JSON.stringify(shown.phases) !== JSON.stringify(build.phases)) {
      const { outcome } = await this.#ports.store.commit(buildCommit(row, { ...shown, modifiedAtMs: this.#now() }));
      if (outcome !== 'done') return { retryAtMs: this.#now() };
    }
    return { retryAtMs: this.#now() + LOOK_AGAIN_MS };
  }

  // end

  async #finish(row: Read<BuildDocument>, end: WorkEnd): Promise<ReconcileResult> {
    const records = await this.#records(row.document);
    const decision = decideEnd(end, records, row.document.stopping === true);
    let build = told(row.document, records);
    if (decision.inSource) build = { ...build, phases: next(build.phases, 'DOWNLOAD_SOURCE', end.endedAtMs) };
    // records are in reach of the build's code: of one that did not end by itself they say nothing of artifacts
    const uploading =
      end.reason === 'exited' && records.end !== undefined && build.keeps !== undefined && decision.status !== 'STOPPED';
    if (!uploading || currentPhaseOf(build.phases) !== 'UPLOAD_ARTIFACTS' || build.phases.at(-1)?.phaseStatus !== undefined) {
      const phases = ended(build.phases, decision.phaseStatus, end.endedAtMs, decision.context);
      return this.#close(row, { ...build, phases }, decision.status);
    }
    const upload = await this.#upload(row.key, build, records);
    if ('problem' in upload) {
      const context = { statusCode: 'CLIENT_ERROR', message: upload.problem };
      return this.#close(row, { ...build, phases: ended(build.phases, 'FAILED', this.#now(), context) }, 'FAILED');
    }
    build = { ...build, ...upload.members, phases: ended(build.phases, 'SUCCEEDED', this.#now()) };
    return this.#close(row, build, decision.status, upload.commit);
  }

  /** A role that went meanwhile is the build's failure, like a bucket that refuses and outputs that cannot be read. */
  async #upload(key: ResourceKey, build: BuildDocument, records: BuildRecords): Promise<Upload> {
    try {
      return await finishUpload(this.#ports, await openSession(this.#ports, key, build), key, build, records);
    } catch (error) {
      // how the build's code left its outputs: another look would find the same
      if (error instanceof BackendError && error.reason === 'user-code') {
        return failUpload(this.#ports, key, build, error.message);
      }
      if (!(error instanceof ServiceError)) throw error;
      throwPassing(error);
      return failUpload(this.#ports, key, build, `${error.code}: ${error.message}`);
    }
  }

  /** What it is about to become is in `row`; what stands in the store may be `before`. */
  #settle(row: Read<BuildDocument>, status: StatusType, context?: PhaseContext, before = row.document): Promise<ReconcileResult> {
    const phases = ended(row.document.phases, status, this.#now(), context);
    return this.#close({ ...row, document: before }, { ...row.document, phases }, status);
  }

  async #close(
    row: Read<BuildDocument>,
    build: BuildDocument,
    status: StatusType,
    further: Partial<ReturnType<typeof buildCommit>> = {},
  ): Promise<ReconcileResult> {
    const nowMs = this.#now();
    const phases = closed(build.phases, status, nowMs);
    const last: BuildDocument = { ...build, status, phases, currentPhase: 'COMPLETED', modifiedAtMs: nowMs, endedAtMs: nowMs };
    const commit = buildCommit(row, last);
    const { outcome } = await this.#ports.store.commit({
      ...commit,
      expect: [...commit.expect, ...(further.expect ?? [])],
      write: [...(commit.write ?? []), ...(further.write ?? [])],
      timers: [...(commit.timers ?? []), ...(further.timers ?? [])],
      ledger: [...(further.ledger ?? []), ...(commit.ledger ?? [])],
    });
    if (outcome !== 'done') return { retryAtMs: this.#now() };
    this.#index.forget(build.workId);
    this.#ports.admission.release(build.workId);
  }

  /** After its time the files of a build go, and with them the last timer. */
  async #release({ key, version, document: build }: Read<BuildDocument>): Promise<ReconcileResult> {
    this.#ports.admission.release(build.workId); // a crash may have come between the commit and this
    if (this.#now() < (build.endedAtMs ?? 0) + RELEASE_AFTER_MS) return;
    await releaseFiles(this.#ports, key, build);
    return this.#clearTimer(key, version);
  }

  async #clearTimer(key: ResourceKey, version: number): Promise<void> {
    await this.#ports.store.commit({ expect: [{ key, version }], timers: [{ reconciler: this.name, key, dueAtMs: null }] });
  }

  #now(): number {
    return this.#ports.clock.now();
  }
}

/** The build with what its driver has told so far. */
function told(build: BuildDocument, records: BuildRecords): BuildDocument {
  const phases = merged(build.phases, records);
  return {
    ...build,
    phases,
    currentPhase: currentPhaseOf(phases),
    ...(records.sourceVersion !== undefined && { resolvedSourceVersion: records.sourceVersion }),
    ...(records.exported && { exported: records.exported }),
  };
}
