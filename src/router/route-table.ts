import type { Answered, EndpointRoute, RouteSnapshot, VariantRoute } from '../platform/ports/routes.ts';
import { Instance } from './instance.ts';
import { Sessions } from './sessions.ts';

export interface VariantEntry extends Omit<VariantRoute, 'instances'> {
  readonly instances: readonly Instance[];
}

/** What a serverless variant has to do. */
export interface VariantLoad {
  inFlight: number;
  /** The question to the server, while it is asked. */
  waking: Promise<Answered<object>> | undefined;
}

export interface EndpointEntry {
  readonly route: EndpointRoute;
  readonly variants: readonly VariantEntry[];
  /** How far each variant is behind its share: see pickVariant. */
  readonly credits: number[];
  readonly sessions: Sessions;
  /** Goes on being counted from snapshot to snapshot. */
  loadOf(variant: string): VariantLoad;
  /** The endpoint as the newest snapshot has it; undefined when it is gone. */
  current(): EndpointEntry | undefined;
  /** Resolves at the next snapshot, or at `deadlineMs`. */
  changed(deadlineMs: number): Promise<void>;
}

const endpointKey = (account: string, region: string, name: string): string => `${account}/${region}/${name}`;

/** Shares go on being counted while names and weights stay, whatever else a snapshot changes. */
function keptCredits(before: EndpointEntry | undefined, variants: readonly VariantEntry[]): number[] {
  const same =
    before?.variants.length === variants.length &&
    variants.every(
      ({ name, weight }, place) => before.variants[place]?.name === name && before.variants[place]?.weight === weight,
    );
  return same ? before.credits : variants.map(() => 0);
}

/** The routes in force. Instances live on from snapshot to snapshot, with their connections and what they are answering. */
export class RouteTable {
  #endpoints = new Map<string, EndpointEntry>();
  #instances = new Map<string, Instance>();
  /** No longer routed to, but still answering. */
  readonly #leaving = new Map<string, Instance>();
  readonly #loads = new Map<string, VariantLoad>();
  #waiting: (() => void)[] = [];

  apply(snapshot: RouteSnapshot): void {
    const endpoints = new Map<string, EndpointEntry>();
    const instances = new Map<string, Instance>();
    for (const route of snapshot.endpoints) {
      const variants = route.variants.map((variant) => ({
        ...variant,
        instances: variant.instances.map((listed) => {
          const known = this.#instances.get(listed.id) ?? this.#leaving.get(listed.id);
          const instance = known?.sameRoute(listed) ? known : new Instance(listed);
          instances.set(listed.id, instance);
          return instance;
        }),
      }));
      endpoints.set(endpointKey(route.account, route.region, route.name), this.#entry(route, variants));
    }
    const before = this.#instances;
    this.#endpoints = endpoints;
    this.#instances = instances;
    for (const instance of instances.values()) this.#leaving.delete(instance.id);
    for (const instance of before.values()) if (instances.get(instance.id) !== instance) void this.#leave(instance);
    for (const [key, { inFlight, waking }] of this.#loads) {
      if (inFlight === 0 && !waking && !endpoints.has(key.slice(0, key.lastIndexOf('/')))) this.#loads.delete(key);
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tell of waiting) tell();
  }

  #entry(route: EndpointRoute, variants: readonly VariantEntry[]): EndpointEntry {
    const { account, region, name } = route;
    const before = this.find(account, region, name);
    return {
      route,
      variants,
      credits: keptCredits(before, variants),
      sessions: before?.sessions ?? new Sessions(),
      loadOf: (variant) => this.#loadOf(`${endpointKey(account, region, name)}/${variant}`),
      current: () => this.find(account, region, name),
      changed: (deadlineMs) => this.#changed(deadlineMs),
    };
  }

  #loadOf(key: string): VariantLoad {
    let load = this.#loads.get(key);
    if (!load) {
      load = { inFlight: 0, waking: undefined };
      this.#loads.set(key, load);
    }
    return load;
  }

  #changed(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadlineMs - Date.now()));
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Of the instances that are known here and were busy since the start. */
  usage(ids: readonly string[]): Record<string, { inFlight: number; usedAtMs: number }> {
    const known = ids.flatMap((id) => this.#instances.get(id) ?? this.#leaving.get(id) ?? []);
    return Object.fromEntries(
      known.filter(({ usedAtMs }) => usedAtMs > 0).map(({ id, inFlight, usedAtMs }) => [id, { inFlight, usedAtMs }]),
    );
  }

  find(account: string, region: string, name: string): EndpointEntry | undefined {
    return this.#endpoints.get(endpointKey(account, region, name));
  }

  /** Resolves true when the instances answer nothing any more; those still routed to are not waited for. */
  async drained(ids: readonly string[], timeoutMs: number): Promise<boolean> {
    const leaving = ids.flatMap((id) => this.#leaving.get(id) ?? []);
    return (await Promise.all(leaving.map((instance) => instance.drained(timeoutMs)))).every(Boolean);
  }

  async #leave(instance: Instance): Promise<void> {
    this.#leaving.set(instance.id, instance);
    while (!(await instance.drained(60_000)));
    if (this.#leaving.get(instance.id) === instance) this.#leaving.delete(instance.id);
    if (this.#instances.get(instance.id) !== instance) instance.retire();
  }
}
