import { BackendError } from '../../platform/errors/families.ts';
import type { Answered, EndpointPlace } from '../../platform/ports/routes.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { withAsleep, withWoken } from './decide-endpoint.ts';
import type { EndpointRoutes } from './endpoint-routes.ts';
import type { Look, ModelServers } from './model-servers.ts';
import type { HostingPorts } from './ports.ts';
import { RECONCILER } from './reconcile-endpoint.ts';
import { ENDPOINT, type EndpointDocument, isAwake, type PinnedVariant, worksOf } from './resources.ts';
import { endpointWrite } from './rows.ts';

/** A serverless variant that nobody asked for so long goes to sleep. AWS does not say how long it takes there. */
const IDLE_MS = 5 * 60_000;
const LOOK_EVERY_MS = 10_000;
const END_LOOK_EVERY_MS = 1_000;
const DRAIN_LOOK_MS = 1_000;

export interface ServerlessPorts extends HostingPorts {
  readonly servers: ModelServers;
  readonly endpointRoutes: EndpointRoutes;
}

/**
 * Serverless variants: which of them are awake is in the endpoint's row, so a start of the server goes on where it was. The router sends to one
 * when its instance answers, and asks for it to be woken when there is none.
 */
export class Serverless {
  readonly #ports: ServerlessPorts;
  /** Since when an instance has answered, by work id: only from then on can nobody have asked for it. */
  readonly #upSince = new Map<string, number>();

  constructor(ports: ServerlessPorts) {
    this.#ports = ports;
  }

  /** Durable when it resolves; the reconciler then starts the instance. */
  async wake({
    endpoint,
    variant: name,
  }: {
    readonly endpoint: EndpointPlace;
    readonly variant: string;
  }): Promise<Answered<object>> {
    const { store, clock, servers } = this.#ports;
    const key = keyOf(ENDPOINT, endpoint, endpoint.name);
    return decideAndCommit<Answered<object>>(store, async () => {
      const row = await readRow<EndpointDocument>(store, key);
      const variant = row?.document.serving?.variants.find((one) => one.name === name);
      if (!row || !variant || row.document.EndpointStatus === 'Deleting')
        return {
          result: {
            fault: { status: 400, code: 'ValidationError', message: `Endpoint ${endpoint.name} has changed. Try again.` },
          },
        };
      const problem = variant.instances
        .flatMap(worksOf)
        .map((workId) => servers.problemOf(workId))
        .find(Boolean);
      if (isAwake(row.document, variant) && problem !== undefined) return { result: { fault: cannotStart(name, problem) } };
      if (isAwake(row.document, variant)) return { result: {} };
      return {
        result: {},
        commit: {
          expect: [{ key, version: row.version }],
          write: [endpointWrite(key, withWoken(row.document, name, clock.now()))],
          timers: [{ reconciler: RECONCILER, key, dueAtMs: clock.now() }],
        },
      };
    });
  }

  /** Has the router send to those that are up, puts to sleep those that are idle, and ends what sleeps. Returns when to look again. */
  async tend(row: Read<EndpointDocument>, looks: readonly Look[]): Promise<number | undefined> {
    const variants = (row.document.serving?.variants ?? []).filter(({ serverless }) => serverless);
    if (variants.length === 0) return undefined;
    const isUp = ({ name }: PinnedVariant) => {
      const own = looks.filter(({ variant }) => variant === name);
      return own.length > 0 && own.every(({ status }) => status === 'healthy');
    };
    await this.#ports.endpointRoutes.show(row.key, row.document, new Set(variants.filter(isUp).map(({ name }) => name)));
    const awake = variants.filter((variant) => isAwake(row.document, variant));
    this.#noteUp(variants, isUp);
    const idle = row.document.deploying ? [] : await this.#idle(row.document, awake);
    if (idle.length > 0) return this.#putToSleep(row, idle);
    return earliest(
      [
        awake.length > 0 ? Math.min(LOOK_EVERY_MS, (this.#ports.serverlessIdleMs ?? IDLE_MS) / 2) : undefined,
        await this.#end(row, variants),
      ],
      this.#ports.clock.now(),
    );
  }

  #noteUp(variants: readonly PinnedVariant[], isUp: (variant: PinnedVariant) => boolean): void {
    for (const variant of variants) {
      const workId = variant.instances[0]?.workId ?? '';
      if (!isUp(variant)) this.#upSince.delete(workId);
      else if (!this.#upSince.has(workId)) this.#upSince.set(workId, this.#ports.clock.now());
    }
  }

  async #idle({ awake = {} }: EndpointDocument, variants: readonly PinnedVariant[]): Promise<string[]> {
    const { clock, endpointRoutes, serverlessIdleMs = IDLE_MS } = this.#ports;
    const sleepy = variants.filter(({ serverless }) => serverless?.provisionedConcurrency === 0);
    if (sleepy.length === 0) return [];
    const usage = await endpointRoutes.usage(sleepy.flatMap(({ instances }) => instances.map(({ workId }) => workId)));
    return sleepy
      .filter(({ name, instances, startupTimeoutSeconds }) => {
        const uses = instances.flatMap(({ workId }) => usage[workId] ?? []);
        const fromMs = this.#upSince.get(instances[0]?.workId ?? '') ?? (awake[name] ?? 0) + startupTimeoutSeconds * 1000;
        const usedAtMs = Math.max(fromMs, ...uses.map((use) => use.usedAtMs));
        return uses.every(({ inFlight }) => inFlight === 0) && clock.now() - usedAtMs >= serverlessIdleMs;
      })
      .map(({ name }) => name);
  }

  /** The row first: what dies after it finds on its next look that the variant is to sleep. */
  async #putToSleep(row: Read<EndpointDocument>, names: readonly string[]): Promise<number> {
    const { store, clock, log } = this.#ports;
    const { outcome } = await store.commit({
      expect: [{ key: row.key, version: row.version }],
      write: [endpointWrite(row.key, withAsleep(row.document, names))],
    });
    if (outcome === 'done')
      log.info({ endpoint: row.document.EndpointArn, variants: names }, 'Serverless variants went to sleep.');
    return clock.now();
  }

  /** Ends the model servers of variants that sleep, once nothing is in flight to them. In milliseconds from now, when to look again. */
  async #end(row: Read<EndpointDocument>, variants: readonly PinnedVariant[]): Promise<number | undefined> {
    const { backend, endpointRoutes, servers } = this.#ports;
    const isKept = new Set((row.document.deploying?.variants ?? []).flatMap(({ instances }) => instances.flatMap(worksOf)));
    const asleep = variants.filter((variant) => !isAwake(row.document, variant)).flatMap(({ instances }) => instances);
    const running: string[] = [];
    for (const workId of asleep.flatMap(worksOf)) {
      if (!isKept.has(workId) && (await backend.status(workId)).phase !== 'absent') running.push(workId);
    }
    if (running.length === 0) return undefined;
    try {
      const ids = asleep.map(({ workId }) => workId);
      if (!(await endpointRoutes.drained(ids, DRAIN_LOOK_MS))) return DRAIN_LOOK_MS;
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      return END_LOOK_EVERY_MS; // no router to ask: it is being started again
    }
    const { againAtMs } = await servers.endAll(row.key, running);
    return againAtMs === undefined ? undefined : END_LOOK_EVERY_MS;
  }
}

const cannotStart = (variant: string, problem: string) => ({
  status: 503,
  code: 'ServiceUnavailable',
  message: `The model server of variant ${variant} does not come up: ${problem}. Look at its log; it is tried again.`,
});

function earliest(waits: readonly (number | undefined)[], nowMs: number): number | undefined {
  const known = waits.filter((wait): wait is number => wait !== undefined);
  return known.length > 0 ? nowMs + Math.min(...known) : undefined;
}
