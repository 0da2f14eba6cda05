import type { EndpointRoute, RouteSnapshot, VariantRoute } from '../platform/ports/routes.ts';
import { Instance } from './instance.ts';

export interface VariantEntry extends Omit<VariantRoute, 'instances'> {
  readonly instances: readonly Instance[];
}

export interface EndpointEntry {
  readonly route: EndpointRoute;
  readonly variants: readonly VariantEntry[];
  /** How far each variant is behind its share: see pickVariant. */
  readonly credits: number[];
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
      endpoints.set(endpointKey(route.account, route.region, route.name), {
        route,
        variants,
        credits: keptCredits(this.find(route.account, route.region, route.name), variants),
      });
    }
    const before = this.#instances;
    this.#endpoints = endpoints;
    this.#instances = instances;
    for (const instance of instances.values()) this.#leaving.delete(instance.id);
    for (const instance of before.values()) if (instances.get(instance.id) !== instance) void this.#leave(instance);
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
