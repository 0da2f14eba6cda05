import type { LedgerInput } from '../../platform/ledger/entry.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import { lastLogLines } from '../../platform/log-streams.ts';
import type { ReconcileResult, Reconciler } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { tagsKey } from '../../platform/resources/tags.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import type { AsyncInvocations } from './async-invocations.ts';
import { decideDeployment, withFailed, withRetired, withSwitched } from './decide-endpoint.ts';
import { tailOf } from './decide-tail.ts';
import { endpointEvents } from './describe-endpoint.ts';
import type { EndpointRoutes } from './endpoint-routes.ts';
import type { HostedModels } from './hosted-models.ts';
import type { Look, ModelServers } from './model-servers.ts';
import type { HostingPorts } from './ports.ts';
import type { Serverless } from './serverless.ts';
import { type EndpointDocument, type Fleet, fleetInstances, isAwake, type PinnedVariant, worksOf } from './resources.ts';
import { endpointWrite } from './rows.ts';

export const RECONCILER = 'endpoint';

/** A model server may finish what it answers: AWS gives an invocation a minute. */
const DRAIN_MS = 65_000;
const DRAIN_LOOK_MS = 1_000;
const ASYNC_DRAIN_MS = 3_600_000;
const REASON_LENGTH_MAX = 1024;

export interface EndpointReconcilerPorts extends HostingPorts {
  readonly servers: ModelServers;
  readonly endpointRoutes: EndpointRoutes;
  readonly models: HostedModels;
  readonly invocations: AsyncInvocations;
  readonly serverless: Serverless;
  /** When this process began: time before does not count against a deployment. */
  readonly startedAtMs: number;
  /** True while the server stops: nothing is started any more. */
  readonly stopping: () => boolean;
}

/**
 * Brings an endpoint's model servers where its row says. An endpoint that serves is never settled, so its timer row
 * stays for as long as it exists, and every start of the server looks at it again.
 */
export function createEndpointReconciler(ports: EndpointReconcilerPorts): Reconciler {
  const reconciler = new EndpointReconciler(ports);
  return { name: RECONCILER, reconcile: (key) => reconciler.reconcile(key) };
}

type Row = Read<EndpointDocument>;

class EndpointReconciler {
  readonly #ports: EndpointReconcilerPorts;

  constructor(ports: EndpointReconcilerPorts) {
    this.#ports = ports;
  }

  async reconcile(key: ResourceKey): Promise<ReconcileResult> {
    if (this.#ports.stopping()) return;
    const row = await readRow<EndpointDocument>(this.#ports.store, key);
    if (!row) return;
    if (row.document.EndpointStatus === 'Deleting') return this.#delete(row);
    const looks = await this.#look(row, row.document.serving, (variant) => isAwake(row.document, variant));
    const deployed = row.document.deploying && (await this.#deploy(row, row.document.deploying));
    if (deployed?.changed) return { retryAtMs: this.#ports.clock.now() };
    const retired = row.document.retiring.length > 0 ? await this.#retire(row) : undefined;
    const tended = await this.#ports.serverless.tend(row, looks);
    return earliest([...looks.map(({ againAtMs }) => againAtMs), deployed?.againAtMs, retired, tended]);
  }

  async #look(row: Row, fleet: Fleet | undefined, isWanted: (variant: PinnedVariant) => boolean = () => true): Promise<Look[]> {
    const looks: Promise<Look>[] = [];
    for (const variant of (fleet?.variants ?? []).filter(isWanted)) {
      for (const instance of variant.instances) {
        for (const place of worksOf(instance).keys()) {
          const plan = { key: row.key, endpoint: row.document, fleet: fleet as Fleet, variant, instance, place };
          looks.push(this.#ports.servers.look(plan));
        }
      }
    }
    // a look that went on after another had failed would start its model server whatever became of the endpoint meanwhile
    await Promise.allSettled(looks);
    return Promise.all(looks);
  }

  async #deploy(row: Row, fleet: Fleet): Promise<{ changed: boolean; againAtMs: number }> {
    const { clock, endpointRoutes, startedAtMs } = this.#ports;
    const looks = await this.#look(row, fleet);
    const limitSeconds = fleet.deploymentConfig?.BlueGreenUpdatePolicy?.MaximumExecutionTimeoutInSeconds ?? Infinity;
    const fromMs = Math.max(fleet.startedAtMs, startedAtMs);
    const decision = decideDeployment(looks, clock.now(), (name) => {
      const seconds = fleet.variants.find((variant) => variant.name === name)?.startupTimeoutSeconds ?? 0;
      return fromMs + Math.min(seconds, limitSeconds) * 1000;
    });
    if (decision.kind === 'wait') return { changed: false, againAtMs: Math.min(...looks.map(({ againAtMs }) => againAtMs)) };
    const nowMs = clock.now();
    if (decision.kind === 'switch') {
      // the router first: InService promises that an invocation arrives
      await endpointRoutes.route(row.key, row.document, fleet);
      await this.#commit(row, withSwitched(row.document, nowMs), nowMs);
      this.#ports.invocations.wakeWaiting(row.document);
    } else {
      const reason = await this.#reason(decision.variant, decision.reason, looks);
      await endpointRoutes.withdraw(row.key, row.document);
      await this.#commit(row, withFailed(row.document, reason, nowMs), nowMs);
    }
    return { changed: true, againAtMs: nowMs };
  }

  /** The reason with the last words of the model server that did not come up. */
  async #reason(variantName: string, reason: string, looks: readonly Look[]): Promise<string> {
    const failed = looks.find(({ variant, status }) => variant === variantName && status !== 'healthy');
    if (!failed) return reason;
    const lines = tailOf(await lastLogLines(this.#ports.logFiles, failed.log), REASON_LENGTH_MAX - reason.length - 20);
    return lines === '' ? reason : `${reason} Last log lines:\n${lines}`;
  }

  /** Ends the model servers that are due and answer nothing any more. Returns when to look again. */
  async #retire(row: Row): Promise<number | undefined> {
    const { clock, servers } = this.#ports;
    const nowMs = clock.now();
    const due = row.document.retiring.filter(
      ({ notBeforeMs, workId }) => notBeforeMs <= nowMs && !this.#isBusy(workId, notBeforeMs),
    );
    const later = row.document.retiring
      .filter((one) => !due.includes(one))
      .map(({ notBeforeMs }) => Math.max(notBeforeMs, nowMs + DRAIN_LOOK_MS));
    const latestMs = Math.max(0, ...due.map(({ notBeforeMs }) => notBeforeMs)) + DRAIN_MS;
    if (
      due.length > 0 &&
      !(await this.#drained(
        due.map(({ workId }) => workId),
        latestMs,
      ))
    )
      return nowMs + DRAIN_LOOK_MS;
    const { gone, againAtMs } = await servers.endAll(row.key, due.flatMap(worksOf));
    const after = withRetired(row.document, gone, nowMs);
    if (after.retiring.length === 0) await this.#ports.models.sweep(row.key, after);
    if (gone.size > 0) await this.#commit(row, after, nowMs);
    return Math.min(...later, againAtMs ?? Infinity, gone.size > 0 ? nowMs : Infinity);
  }

  /** With an asynchronous invocation, which may take an hour. */
  #isBusy(workId: string, notBeforeMs: number): boolean {
    return this.#ports.invocations.isBusy(workId) && this.#ports.clock.now() < notBeforeMs + ASYNC_DRAIN_MS;
  }

  #drained(workIds: readonly string[], latestMs: number): Promise<boolean> {
    const leftMs = latestMs - this.#ports.clock.now();
    return leftMs <= 0 ? Promise.resolve(true) : this.#ports.endpointRoutes.drained(workIds, Math.min(DRAIN_LOOK_MS, leftMs));
  }

  async #delete(row: Row): Promise<ReconcileResult> {
    const { store, clock, servers, endpointRoutes } = this.#ports;
    const { key, version, document } = row;
    await endpointRoutes.drop(key, document);
    this.#ports.invocations.wakeWaiting(document); // they end with the endpoint
    const instances = [...fleetInstances(document.serving), ...fleetInstances(document.deploying), ...document.retiring];
    const workIds = [...new Set(instances.flatMap(worksOf))];
    if (!(await this.#drained(workIds, document.LastModifiedTime + DRAIN_MS))) return { retryAtMs: clock.now() + DRAIN_LOOK_MS };
    const { againAtMs } = await servers.endAll(key, workIds);
    if (againAtMs !== undefined) return { retryAtMs: againAtMs };
    await this.#ports.models.sweep(key, document);
    await store.commit({
      expect: [{ key, version }],
      remove: [key, tagsKey(document.EndpointArn)],
      timers: [{ reconciler: RECONCILER, key, dueAtMs: null }],
      ledger: [entryOfLoop(row, 'Deleted', { EndpointStatus: ['Deleting', null] }, clock.now())],
    });
    return undefined;
  }

  /** One transition. A conflict needs no answer: the row is read again at the next look, which is at once. */
  async #commit(row: Row, after: EndpointDocument, nowMs: number): Promise<void> {
    const { key, version, document: before } = row;
    const settled = after.EndpointStatus === 'Failed' && after.retiring.length === 0;
    const moved = before.EndpointStatus !== after.EndpointStatus;
    await this.#ports.store.commit({
      expect: [{ key, version }],
      write: [endpointWrite(key, after)],
      ...(settled && { timers: [{ reconciler: RECONCILER, key, dueAtMs: null }] }),
      ...(moved && {
        events: endpointEvents(after, key, nowMs),
        ledger: [
          entryOfLoop(
            row,
            after.EndpointStatus,
            {
              EndpointStatus: [before.EndpointStatus, after.EndpointStatus],
              EndpointConfigName: [before.serving?.configName ?? null, after.serving?.configName ?? null],
            },
            nowMs,
            after.EndpointStatus === 'InService' ? undefined : after.FailureReason,
          ),
        ],
      }),
    });
  }
}

function entryOfLoop(
  { key, document }: Row,
  transition: string,
  changes: NonNullable<LedgerInput['changes']>,
  nowMs: number,
  reason?: string,
): LedgerInput {
  return ownEntry('hosting', key, {
    timeMs: nowMs,
    action: `slipway:Endpoint.${transition}`,
    resources: [document.EndpointArn],
    changes,
    reason,
    requestId: document.requestId,
  });
}

function earliest(times: readonly (number | undefined)[]): ReconcileResult {
  const known = times.filter((time): time is number => time !== undefined && Number.isFinite(time));
  return known.length > 0 ? { retryAtMs: Math.min(...known) } : undefined;
}
