import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { noticeKey, newNotice, storedPrincipal } from '../../platform/notices.ts';
import { EXPIRY_RECONCILER } from '../../platform/idempotency.ts';
import { INVOCATION_ENDED, type InvocationEnded } from '../../platform/ports/invocation.ts';
import type { ReconcileResult, Reconciler } from '../../platform/reconcile/port.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Commit } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { decideEventEnd, EVENT_AGE_SECONDS_MAX, type EventPolicy, type Message, RETRIES_MAX } from './decide-event.ts';
import { cannotRun, lost, type Outcome } from './decide-outcome.ts';
import { ask } from './environment-client.ts';
import type { Environment, Environments } from './environments.ts';
import { type InvocationDocument, invocationWrite } from './invocations.ts';
import type { FunctionsPorts } from './ports.ts';
import { FUNCTION, functionArn, type FunctionDocument, INVOCATION_RECONCILER, LATEST } from './resources.ts';
import { findRunnable, type Runnable } from './runnable.ts';
import { runInEnvironment } from './run-in-environment.ts';

/** As long as other results that are asked for again (idempotency tokens). */
const RESULT_KEPT_MS = 30 * 24 * 3600 * 1000;
const TRY_AGAIN_MS = 2_000;

type Row = Read<InvocationDocument>;

/**
 * Runs what is queued and writes down what it came to. The run itself goes on beside the loop, which it would else hold up for as
 * long as a handler takes; its end wakes the row again.
 */
export function createInvocationReconciler(ports: FunctionsPorts, environments: Environments): Reconciler {
  const reconciler = new InvocationReconciler(ports, environments);
  return { name: INVOCATION_RECONCILER, reconcile: (key) => reconciler.reconcile(key) };
}

class InvocationReconciler {
  readonly #ports: FunctionsPorts;
  readonly #environments: Environments;
  /** What this process runs. */
  readonly #running = new Map<string, 'running' | { readonly tryAgainAtMs: number }>();

  constructor(ports: FunctionsPorts, environments: Environments) {
    this.#ports = ports;
    this.#environments = environments;
  }

  async reconcile(key: ResourceKey): Promise<ReconcileResult> {
    const id = keyText(key);
    const mine = this.#running.get(id);
    if (mine === 'running') return undefined;
    const row = await readRow<InvocationDocument>(this.#ports.store, key);
    if (!row || isOver(row.document)) {
      this.#running.delete(id);
      if (mine) this.#letGo(key);
      return undefined;
    }
    const nowMs = this.#ports.clock.now();
    const notBeforeMs = Math.max(row.document.notBeforeMs, mine?.tryAgainAtMs ?? 0);
    if (notBeforeMs > nowMs) return { retryAtMs: notBeforeMs };
    this.#running.set(id, 'running');
    void this.#run(row).then(
      (tryAgainAtMs) => this.#after(key, tryAgainAtMs),
      (error: unknown) => {
        this.#ports.log.error({ key, err: error }, 'An invocation failed within Slipway; it will be looked at again.');
        this.#after(key, this.#ports.clock.now() + TRY_AGAIN_MS);
      },
    );
    return undefined;
  }

  #after(key: ResourceKey, tryAgainAtMs: number | undefined): void {
    const id = keyText(key);
    if (tryAgainAtMs === undefined) this.#running.delete(id);
    else this.#running.set(id, { tryAgainAtMs });
    this.#ports.loop.wake(INVOCATION_RECONCILER, key);
  }

  /** Returns when to try again, where there is nothing to write down yet. */
  async #run(row: Row): Promise<number | undefined> {
    const { key, document } = row;
    if (document.status === 'Running') return this.#resume(row);
    this.#letGo(key);
    const prepared = await this.#prepare(row);
    if ('outcome' in prepared) return this.#finish(key, prepared.outcome);
    if ('tryAgainAtMs' in prepared) return prepared.tryAgainAtMs;
    const { runnable, environment } = prepared;
    const { workId } = environment.document;
    environment.claimedBy = document.requestId;
    if (!(await this.#markRunning(key, workId))) {
      this.#environments.release(environment, true);
      return undefined;
    }
    return this.#perform(key, document, runnable, environment, false);
  }

  /** The environment of an attempt that broke off before or after its record: nobody else would ever give it back. */
  #letGo({ name }: ResourceKey): void {
    const requestId = name.slice(name.indexOf('/') + 1);
    for (const environment of this.#environments.all()) {
      if (environment.claimedBy === requestId && environment.status === 'busy') this.#environments.release(environment, false);
    }
  }

  async #prepare({
    key,
    document,
  }: Row): Promise<
    | { readonly runnable: Runnable; readonly environment: Environment }
    | { readonly outcome: Outcome }
    | { readonly tryAgainAtMs: number }
  > {
    const { requestId, functionName: name, qualifier } = document;
    try {
      const runnable = await findRunnable(this.#ports, key, { name, ...(qualifier !== undefined && { qualifier }) });
      return { runnable, environment: await this.#environments.acquire(runnable) };
    } catch (error) {
      const throttled = error instanceof ServiceError && error.code === 'TooManyRequestsException';
      if (throttled || (error instanceof BackendError && error.retryable)) {
        const nowMs = this.#ports.clock.now();
        if (document.kind === 'event' && nowMs > document.queuedAtMs + (await this.#policy(key, document)).maxAgeMs) {
          return { outcome: cannotRun(requestId, 'The event was throttled until it was too old.') };
        }
        return { tryAgainAtMs: nowMs + TRY_AGAIN_MS };
      }
      if (error instanceof ServiceError || error instanceof BackendError) return { outcome: cannotRun(requestId, error.message) };
      throw error;
    }
  }

  async #policy(key: ResourceKey, { functionName, qualifier }: InvocationDocument): Promise<EventPolicy> {
    const fn = await readRow<FunctionDocument>(this.#ports.store, keyOf(FUNCTION, key, functionName));
    return policyOf(fn?.document, qualifier);
  }

  /** The environment is asked only after this is durable: from here on the function is never begun elsewhere. */
  #markRunning(key: ResourceKey, workId: string): Promise<boolean> {
    const { store, clock } = this.#ports;
    return decideAndCommit(store, async () => {
      const row = await readRow<InvocationDocument>(store, key);
      if (row?.document.running?.workId === workId) return { result: true };
      if (row?.document.status !== 'Queued') return { result: false };
      const nowMs = clock.now();
      const after: InvocationDocument = { ...row.document, status: 'Running', running: { workId, startedAtMs: nowMs } };
      return {
        result: true,
        commit: { expect: [{ key, version: row.version }], write: [invocationWrite(key, after, nowMs)] },
      };
    });
  }

  /** It ran when the server died: its environment knows, or is gone. */
  async #resume({ key, document }: Row): Promise<number | undefined> {
    const environment = document.running && this.#environments.byWorkId(document.running.workId);
    if (!environment || environment.claimedBy !== document.requestId) return this.#finish(key, lost(document.requestId));
    const { functionName: name, qualifier } = document;
    const found = await findRunnable(this.#ports, key, { name, ...(qualifier !== undefined && { qualifier }) }).catch(absent);
    // it had been started before it was asked: one that is absent now is gone, and must not be waited for as if it were starting
    const { phase } = await this.#ports.backend.status(environment.document.workId);
    if (!found || phase === 'absent') {
      this.#environments.release(environment, false);
      return this.#finish(key, lost(document.requestId));
    }
    return this.#perform(key, document, found, environment, true);
  }

  async #perform(
    key: ResourceKey,
    document: InvocationDocument,
    { invokedArn, config }: Runnable,
    environment: Environment,
    resumed: boolean,
  ): Promise<undefined> {
    const { requestId, payload, clientContext } = document;
    const run = { requestId, payload, invokedArn, timeoutSeconds: config.Timeout, keep: true, resumed };
    const { outcome, reusable } = await runInEnvironment(this.#ports, environment, {
      ...run,
      ...(clientContext !== undefined && { clientContext }),
    });
    await this.#finish(key, outcome);
    if (reusable) {
      const path = `/invocations/${encodeURIComponent(requestId)}`;
      await ask(this.#ports.backend, environment.document.workId, { method: 'DELETE', path });
    }
    this.#environments.release(environment, reusable);
    return undefined;
  }

  /** Writes down what it came to. */
  async #finish(key: ResourceKey, outcome: Outcome): Promise<undefined> {
    const { store, clock } = this.#ports;
    await decideAndCommit(store, async () => {
      const row = await readRow<InvocationDocument>(store, key);
      if (!row || isOver(row.document)) return { result: undefined };
      const nowMs = clock.now();
      const commit =
        row.document.kind === 'recorded'
          ? recordedCommit(row, outcome, nowMs)
          : await eventCommit(this.#ports, row, outcome, nowMs);
      return { result: undefined, commit };
    });
    return undefined;
  }
}

const isOver = ({ status }: InvocationDocument): boolean => status === 'Succeeded' || status === 'Failed';

function absent(error: unknown): undefined {
  if (error instanceof ServiceError) return undefined;
  throw error;
}

function recordedCommit({ key, version, document }: Row, outcome: Outcome, nowMs: number): Commit {
  const status = outcome.functionError ? 'Failed' : 'Succeeded';
  const { running: _running, ...kept } = document;
  const detail: InvocationEnded = { requestId: document.requestId, status };
  return {
    expect: [{ key, version }],
    write: [invocationWrite(key, { ...kept, payload: '', status, outcome }, nowMs)],
    timers: [
      { reconciler: INVOCATION_RECONCILER, key, dueAtMs: null },
      { reconciler: EXPIRY_RECONCILER, key, dueAtMs: nowMs + RESULT_KEPT_MS },
    ],
    events: [
      {
        source: 'aws.lambda',
        detailType: INVOCATION_ENDED,
        internal: true,
        account: key.account,
        region: key.region,
        timeMs: nowMs,
        resources: [functionArn(key, document.functionName, document.qualifier)],
        detail: { ...detail },
      },
    ],
  };
}

/** A failure is tried again, from the start; what comes after the last attempt goes where the function says. */
async function eventCommit(ports: FunctionsPorts, row: Row, outcome: Outcome, nowMs: number): Promise<Commit> {
  const { key, version, document } = row;
  const expect = [{ key, version }];
  const fn = await readRow<FunctionDocument>(ports.store, keyOf(FUNCTION, key, document.functionName));
  const arn = functionArn(key, document.functionName);
  const facts = { functionArn: arn, version: document.qualifier ?? LATEST, nowMs, retryDelaysMs: ports.retryDelaysMs };
  const end = decideEventEnd(document, outcome, policyOf(fn?.document, document.qualifier), facts);
  if (end.kind === 'end') {
    const sent = await deliveries(ports, key, document, fn?.document, end.messages, nowMs);
    return {
      expect,
      write: sent.map(({ write }) => write),
      remove: [key],
      timers: [{ reconciler: INVOCATION_RECONCILER, key, dueAtMs: null }, ...sent.map(({ timer }) => timer)],
    };
  }
  const { running: _running, ...kept } = document;
  const after: InvocationDocument = { ...kept, status: 'Queued', failures: document.failures + 1, notBeforeMs: end.atMs };
  return {
    expect,
    write: [invocationWrite(key, after, nowMs)],
    timers: [{ reconciler: INVOCATION_RECONCILER, key, dueAtMs: end.atMs }],
  };
}

function policyOf(fn: FunctionDocument | undefined, qualifier = LATEST): EventPolicy {
  const config = fn?.eventConfigs?.[qualifier];
  const { OnSuccess, OnFailure } = config?.DestinationConfig ?? {};
  return {
    retries: config?.MaximumRetryAttempts ?? RETRIES_MAX,
    maxAgeMs: (config?.MaximumEventAgeInSeconds ?? EVENT_AGE_SECONDS_MAX) * 1000,
    ...(OnSuccess?.Destination && { onSuccess: OnSuccess.Destination }),
    ...(OnFailure?.Destination && { onFailure: OnFailure.Destination }),
    ...(fn?.latest.deadLetterArn && { deadLetter: fn.latest.deadLetterArn }),
  };
}

/** Messages to queues and functions, sent as the function's role like everything it does. */
async function deliveries(
  { roles, log }: FunctionsPorts,
  key: ResourceKey,
  { functionName, requestId }: InvocationDocument,
  fn: FunctionDocument | undefined,
  messages: readonly Message[],
  nowMs: number,
) {
  if (!fn || messages.length === 0) return [];
  const onBehalfOf = functionArn(key, functionName);
  const session = { account: key.account, roleArn: fn.latest.Role, service: 'lambda.amazonaws.com', sessionName: 'destination' };
  try {
    const sender = storedPrincipal(await roles.assume({ ...session, onBehalfOf }));
    return messages.map(({ to, body }, index) =>
      newNotice(
        noticeKey(key, `lambda/${functionName}/${requestId}/${index}`),
        { to: { ...to }, body, sender, about: onBehalfOf, attempts: 0 },
        nowMs,
      ),
    );
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    log.warn(
      { function: onBehalfOf, code: error.code },
      'What an invocation came to could not be sent on: its role cannot be assumed.',
    );
    return [];
  }
}
