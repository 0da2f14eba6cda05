import { ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import type { AcceptedInvocation, Answered, AsyncInvocation } from '../../platform/ports/routes.ts';
import type { ReconcileResult, Reconciler } from '../../platform/reconcile/port.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import { type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import { type AsyncOutcome, type AsyncRun, runAsync, writeFailure } from './async-run.ts';
import { type AsyncInvocationDocument, concurrencyOf, pickForAsync, planAsync } from './decide-async.ts';
import type { HostingPorts } from './ports.ts';
import {
  containerName,
  containersOf,
  ENDPOINT,
  type EndpointDocument,
  type InstancePlan,
  type PinnedVariant,
  worksOf,
} from './resources.ts';

const ASYNC_RECONCILER = 'async-invocation';
const KIND = 'AsyncInvocation';
/** A model server that went away in the middle is asked again so often. */
const BROKEN_MAX = 3;
const AGAIN_AFTER_MS = 500;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

interface Turn {
  readonly variant: PinnedVariant;
  readonly instance: InstancePlan;
}

/**
 * The queue of asynchronous invocations: a row and a timer each, from before the 202 until the result is in S3. Whatever dies meanwhile, what
 * has no result is asked again, under the same name; so a container may see an invocation twice.
 */
export class AsyncInvocations implements Reconciler {
  readonly name = ASYNC_RECONCILER;
  readonly #ports: HostingPorts;
  /** By work id of the instance. */
  readonly #running = new Map<string, number>();
  readonly #underWay = new Set<string>();
  /** By the endpoint's ARN, in the order in which they came. */
  readonly #waiting = new Map<string, Map<string, ResourceKey>>();
  readonly #broken = new Map<string, number>();
  #isStopping = false;
  /** Spreads over [0, 1) evenly at any length; chance is not needed where nobody watches. */
  #spread = 0;

  constructor(ports: HostingPorts) {
    this.#ports = ports;
  }

  /** Durable when it resolves. */
  async accept({ endpoint, requestId, headers }: AsyncInvocation): Promise<Answered<AcceptedInvocation>> {
    const { store, clock } = this.#ports;
    const { account, region, name } = endpoint;
    const row = await readRow<EndpointDocument>(store, keyOf(ENDPOINT, endpoint, name));
    const config = row?.document.serving?.asyncConfig;
    if (!row || !config || row.document.EndpointStatus === 'Deleting')
      return { fault: { status: 400, code: 'ValidationError', message: `Endpoint ${name} of account ${account} not found.` } };
    const { EndpointArn, CreationTime } = row.document;
    const planned = planAsync(
      headers,
      config,
      { EndpointName: name, EndpointArn, endpointCreatedAtMs: CreationTime },
      { account, region, id: requestId, nowMs: clock.now() },
    );
    if ('problem' in planned) {
      const { problem: message, isMissing } = planned;
      return {
        fault: isMissing
          ? { status: 501, code: 'NotImplementedException', message }
          : { status: 400, code: 'ValidationError', message },
      };
    }
    const key: ResourceKey = { account, region, kind: KIND, name: requestId };
    const { outcome } = await store.commit({
      expect: [{ key, version: 0 }],
      write: [
        writeOf(key, planned, { parent: EndpointArn, createdAtMs: planned.receivedAtMs, modifiedAtMs: planned.receivedAtMs }),
      ],
      timers: [{ reconciler: ASYNC_RECONCILER, key, dueAtMs: planned.receivedAtMs }],
    });
    if (outcome !== 'done')
      return { fault: { status: 503, code: 'ServiceUnavailable', message: 'The invocation may not have been kept. Try again.' } };
    const { inferenceId, outputLocation, failureLocation } = planned;
    return { inferenceId, outputLocation, ...(failureLocation !== undefined && { failureLocation }) };
  }

  /** An endpoint has other instances than before: whoever waits looks again. */
  wakeWaiting({ EndpointArn }: Pick<EndpointDocument, 'EndpointArn'>): void {
    for (const key of this.#waiting.get(EndpointArn)?.values() ?? []) this.#ports.loop.wake(ASYNC_RECONCILER, key);
  }

  /** Begins nothing more; what is under way is asked again at the next start. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Whether an instance is working on one. */
  isBusy(workId: string): boolean {
    return (this.#running.get(workId) ?? 0) > 0;
  }

  async reconcile(key: ResourceKey): Promise<ReconcileResult> {
    const text = keyText(key);
    if (this.#isStopping || this.#underWay.has(text)) return; // one under way looks after itself
    const row = await readRow<AsyncInvocationDocument>(this.#ports.store, key);
    if (!row) return;
    const { EndpointName, endpointCreatedAtMs, expiresAtMs } = row.document;
    const endpoint = await readRow<EndpointDocument>(this.#ports.store, keyOf(ENDPOINT, key, EndpointName));
    const isGone = endpoint?.document.CreationTime !== endpointCreatedAtMs || endpoint.document.EndpointStatus === 'Deleting';
    const serving = isGone ? undefined : endpoint.document.serving;
    if (!serving) return this.#settle(row); // nobody is left whose role could write anything
    if (this.#ports.clock.now() >= expiresAtMs)
      return this.#fail(row, serving.variants[0], 'It was not begun within RequestTTLSeconds.');
    const turn = this.#turn(serving.variants, concurrencyOf(serving.asyncConfig ?? { OutputConfig: {} }));
    const waiting = this.#waitingOf(row.document);
    if (!turn) {
      waiting.set(text, key);
      return { retryAtMs: expiresAtMs };
    }
    waiting.delete(text);
    this.#begin(row, turn);
    return undefined;
  }

  #turn(variants: readonly PinnedVariant[], concurrency: number): Turn | undefined {
    const candidates = variants.flatMap((variant) =>
      variant.instances.map((instance) => ({
        id: instance.workId,
        weight: variant.weight,
        running: this.#running.get(instance.workId) ?? 0,
        turn: { variant, instance },
      })),
    );
    this.#spread = (this.#spread + GOLDEN) % 1;
    return pickForAsync(candidates, concurrency, this.#spread)?.turn;
  }

  /** Not waited for: a reconciler that took as long as a model would keep others from theirs. */
  #begin(row: Read<AsyncInvocationDocument>, { variant, instance }: Turn): void {
    const text = keyText(row.key);
    const { workId } = instance;
    this.#underWay.add(text);
    this.#running.set(workId, (this.#running.get(workId) ?? 0) + 1);
    const finished = (waitMs: number) => {
      this.#underWay.delete(text);
      this.#running.set(workId, (this.#running.get(workId) ?? 1) - 1);
      const { clock, loop } = this.#ports;
      if (this.#isStopping) return;
      if (waitMs >= 0) clock.at(clock.now() + waitMs, () => loop.wake(ASYNC_RECONCILER, row.key));
      const next = this.#waitingOf(row.document).values().next().value;
      if (next) loop.wake(ASYNC_RECONCILER, next);
    };
    this.#run(row, { variant, instance }).then(finished, (error: unknown) => {
      if (this.#isStopping) return;
      this.#ports.log.warn({ invocation: text, error: String(error) }, 'An asynchronous invocation is tried again.');
      finished(AGAIN_AFTER_MS);
    });
  }

  /** Returns after how long to look again, or -1 when it is settled. */
  async #run(row: Read<AsyncInvocationDocument>, { variant, instance }: Turn): Promise<number> {
    const text = keyText(row.key);
    const run = await this.#access(row, variant, instance);
    if (!run) return this.#fail(row, undefined, 'The model has no execution role.').then(() => -1);
    const outcome = await this.#inTime(run, row.document);
    if (this.#isStopping && outcome.kind !== 'succeeded') return -1; // the model servers are being ended: the next start asks again
    if (outcome.kind === 'again') return AGAIN_AFTER_MS;
    if (outcome.kind === 'broken') {
      const count = (this.#broken.get(text) ?? 0) + 1;
      this.#broken.set(text, count);
      if (count < BROKEN_MAX) return AGAIN_AFTER_MS;
      await this.#failAs(run, row, `The model server ended ${count} times before it had answered.`);
      return -1;
    }
    if (outcome.kind === 'failed') await this.#failAs(run, row, outcome.reason);
    else await this.#settle(row);
    return -1;
  }

  async #inTime(run: AsyncRun, invocation: AsyncInvocationDocument): Promise<AsyncOutcome> {
    const { clock } = this.#ports;
    const limit = new AbortController();
    const cancel = clock.at(clock.now() + invocation.timeoutMs, () => limit.abort());
    try {
      return await runAsync(run, invocation, limit.signal);
    } finally {
      cancel();
    }
  }

  async #access(
    { key, document }: Read<AsyncInvocationDocument>,
    variant: PinnedVariant,
    instance: InstancePlan,
  ): Promise<AsyncRun | undefined> {
    const { calls, roles, backend } = this.#ports;
    const roleArn = variant.model.executionRoleArn;
    if (roleArn === undefined) return undefined;
    const principal = await roles.assume({
      account: key.account,
      roleArn,
      service: 'sagemaker.amazonaws.com',
      sessionName: 'SageMaker',
      onBehalfOf: document.EndpointArn,
    });
    const containers = containersOf(variant.model).map((container, place) => ({
      name: variant.model.following ? containerName(container, place) : 'primary',
      workId: worksOf(instance)[place] ?? '',
    }));
    return { calls, principal, region: key.region, backend, containers };
  }

  async #fail(row: Read<AsyncInvocationDocument>, variant: PinnedVariant | undefined, reason: string): Promise<void> {
    const instance = variant?.instances[0];
    const run = variant && instance && (await this.#access(row, variant, instance));
    if (run) return this.#failAs(run, row, reason);
    await this.#settle(row);
  }

  async #failAs(run: AsyncRun, row: Read<AsyncInvocationDocument>, reason: string): Promise<void> {
    const { EndpointName, inferenceId } = row.document;
    this.#ports.log.warn({ endpoint: EndpointName, inferenceId, reason }, 'An asynchronous invocation failed.');
    try {
      await writeFailure(run, row.document, reason);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      throwPassing(error);
      this.#ports.log.warn({ endpoint: EndpointName, inferenceId, code: error.code }, 'Its failure could not be written to S3.');
    }
    await this.#settle(row);
  }

  /** Its result is where it belongs: the row goes. A conflict means that it has gone. */
  async #settle({ key, version, document }: Read<AsyncInvocationDocument>): Promise<void> {
    await this.#ports.store.commit({
      expect: [{ key, version }],
      remove: [key],
      timers: [{ reconciler: ASYNC_RECONCILER, key, dueAtMs: null }],
    });
    this.#waitingOf(document).delete(keyText(key));
    this.#broken.delete(keyText(key));
  }

  #waitingOf({ EndpointArn }: Pick<AsyncInvocationDocument, 'EndpointArn'>): Map<string, ResourceKey> {
    let waiting = this.#waiting.get(EndpointArn);
    if (!waiting) {
      waiting = new Map();
      this.#waiting.set(EndpointArn, waiting);
    }
    return waiting;
  }
}
