import type { EndpointRoute, InstanceUsage, RoutePublisher } from '../../platform/ports/routes.ts';
import type { WorkAddress } from '../../platform/ports/work.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import type { Read } from '../../platform/store/typed-rows.ts';
import { endpointRoute } from './describe-endpoint.ts';
import { type EndpointDocument, type Fleet, isAwake } from './resources.ts';

interface Routed {
  readonly route: EndpointRoute;
  readonly fleet: number;
  /** Serverless variants whose instances the router knows. */
  readonly awake: ReadonlySet<string>;
}

/** What the router was told of all endpoints: a projection of their rows, rebuilt when the server starts. */
export class EndpointRoutes {
  readonly #publisher: RoutePublisher;
  readonly #address: (workId: string) => WorkAddress;
  readonly #routes = new Map<string, Routed>();
  /** Endpoints being deleted, by the time of their making: a reconciler that read the row before must not route again. */
  readonly #dropped = new Map<string, number>();

  constructor(publisher: RoutePublisher, address: (workId: string) => WorkAddress) {
    this.#publisher = publisher;
    this.#address = address;
  }

  /** The whole table from the rows, published once. */
  async rebuild(endpoints: readonly Read<EndpointDocument>[]): Promise<void> {
    this.#routes.clear();
    for (const { key, document } of endpoints) {
      if (document.EndpointStatus === 'Deleting' || !document.serving) continue;
      this.#set(key, document, document.serving, awakeOf(document, document.serving));
    }
    await this.#publish();
  }

  /** Resolves when the router sends the endpoint's invocations to this fleet. */
  async route(key: ResourceKey, endpoint: EndpointDocument, fleet: Fleet): Promise<void> {
    if (this.#set(key, endpoint, fleet, new Set(fleet.variants.map(({ name }) => name)))) await this.#publish();
  }

  /**
   * Resolves when the router sends nothing to a deployment that will not serve: it may have been routed already, by a look whose record of the
   * switch did not get through. Published in any case: an earlier publication may not have arrived.
   */
  async withdraw(key: ResourceKey, endpoint: EndpointDocument): Promise<void> {
    const { serving, deploying } = endpoint;
    if (this.#routes.get(keyText(key))?.fleet === deploying?.number) {
      if (serving) this.#set(key, endpoint, serving, awakeOf(endpoint, serving));
      else this.#routes.delete(keyText(key));
    }
    await this.#publish();
  }

  /** Resolves when the router sends to the serverless variants that are up, and knows of no others' instances. */
  async show(key: ResourceKey, endpoint: EndpointDocument, awake: ReadonlySet<string>): Promise<void> {
    const { serving } = endpoint;
    const known = this.#routes.get(keyText(key));
    if (!serving || known?.fleet !== serving.number) return; // another fleet has been routed meanwhile
    const shown = serving.variants.filter(({ serverless, name }) => serverless && known.awake.has(name) !== awake.has(name));
    if (shown.length > 0 && this.#set(key, endpoint, serving, awake)) await this.#publish();
  }

  /**
   * Resolves when the router knows the weights of the fleet that serves. Nothing changes when another fleet was routed meanwhile: it was
   * planned with these weights.
   */
  async reweigh(key: ResourceKey, endpoint: EndpointDocument): Promise<void> {
    const { serving } = endpoint;
    const known = this.#routes.get(keyText(key));
    if (serving && known?.fleet === serving.number) this.#set(key, endpoint, serving, known.awake);
    await this.#publish();
  }

  /** Resolves when the router knows the endpoint no more. */
  async drop(key: ResourceKey, endpoint: Pick<EndpointDocument, 'CreationTime'>): Promise<void> {
    this.#dropped.set(keyText(key), endpoint.CreationTime);
    // published even when it is gone from here: an earlier publication may not have arrived
    this.#routes.delete(keyText(key));
    await this.#publish();
  }

  #set(key: ResourceKey, endpoint: EndpointDocument, fleet: Fleet, awake: ReadonlySet<string>): boolean {
    const text = keyText(key);
    if (this.#dropped.get(text) === endpoint.CreationTime) return false;
    this.#dropped.delete(text);
    this.#routes.set(text, { route: endpointRoute(endpoint, key, fleet, awake, this.#address), fleet: fleet.number, awake });
    return true;
  }

  usage(workIds: readonly string[]): Promise<Readonly<Record<string, InstanceUsage>>> {
    return this.#publisher.usage(workIds);
  }

  drained(workIds: readonly string[], timeoutMs: number): Promise<boolean> {
    return this.#publisher.drained(workIds, timeoutMs);
  }

  #publish(): Promise<void> {
    return this.#publisher.publishEndpoints([...this.#routes.values()].map(({ route }) => route));
  }
}

const awakeOf = (endpoint: EndpointDocument, { variants }: Fleet): ReadonlySet<string> =>
  new Set(variants.filter((variant) => isAwake(endpoint, variant)).map(({ name }) => name));
