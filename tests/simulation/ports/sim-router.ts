import type { Clock } from '../../../src/platform/clock.ts';
import type {
  EndpointPlace,
  EndpointRoute,
  IdentitySnapshot,
  InstanceRoute,
  InstanceUsage,
  RoutePublisher,
  RouterQuestions,
  RouteSnapshot,
  VariantRoute,
} from '../../../src/platform/ports/routes.ts';
import { pickVariant } from '../../../src/router/decide-route.ts';
import type { Random } from '../random.ts';
import type { SimAction } from './sim-action.ts';

/** What became of a request to an endpoint, as its client sees it. `end` is called when the answer is whole. */
export type SimInvocation =
  | { readonly kind: 'absent' | 'no instance' }
  | { readonly kind: 'asleep'; readonly variant: string; readonly woken: Promise<unknown> | undefined }
  | { readonly kind: 'asynchronous'; readonly accepted: ReturnType<RouterQuestions['acceptAsync']> | undefined }
  | { readonly kind: 'sent'; readonly variant: VariantRoute; readonly instance: InstanceRoute; end(): void };

export interface SimRequest {
  readonly variant?: string;
  /** Of an asynchronous invocation. */
  readonly requestId?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The router process: it outlives servers and serves by the last snapshot that it applied. */
export interface SimRouter {
  readonly snapshot: RouteSnapshot;
  /** Who answers its questions; nobody while no server lives. */
  readonly questions: RouterQuestions | undefined;
  route(place: EndpointPlace): EndpointRoute | undefined;
  invoke(place: EndpointPlace, wanted?: SimRequest): SimInvocation;
  /** A snapshot on its way is applied when the scheduler says so. */
  actions(): readonly SimAction[];
  /** The server is gone: what it asked for and was not applied is lost with it. */
  serverDied(): void;
}

export interface SimRouterOptions {
  readonly clock: Clock;
  readonly random: Random;
}

const NOBODY: IdentitySnapshot = { accessKeys: [], sealingKey: '', policies: {} };

export function createSimRouter(options: SimRouterOptions): SimRouter {
  return new RouterProcess(options);
}

/** The router as one server process holds it: what was asked for last is on its way as a whole. */
export function openSimRoutes(router: SimRouter): RoutePublisher {
  return (router as RouterProcess).open();
}

interface Use {
  inFlight: number;
  usedAtMs: number;
}

class RouterProcess implements SimRouter {
  snapshot: RouteSnapshot = { revision: 0, endpoints: [], identities: NOBODY };
  questions: RouterQuestions | undefined;
  readonly #options: SimRouterOptions;
  readonly #uses = new Map<string, Use>();
  readonly #credits = new Map<string, number[]>();
  #wanted: RouteSnapshot = this.snapshot;
  #waiting: { readonly revision: number; readonly done: () => void }[] = [];
  #drains: (() => void)[] = [];

  constructor(options: SimRouterOptions) {
    this.#options = options;
  }

  route({ account, region, name }: EndpointPlace): EndpointRoute | undefined {
    return this.snapshot.endpoints.find((one) => one.name === name && one.account === account && one.region === region);
  }

  invoke(place: EndpointPlace, { variant: wanted, requestId = '', headers = {} }: SimRequest = {}): SimInvocation {
    const route = this.route(place);
    if (!route) return { kind: 'absent' };
    if (route.asynchronous)
      return { kind: 'asynchronous', accepted: this.questions?.acceptAsync({ endpoint: place, requestId, headers }) };
    const variant = wanted === undefined ? this.#pick(route) : route.variants.find(({ name }) => name === wanted);
    if (!variant) return { kind: 'absent' };
    const instance = variant.instances[this.#options.random.int(variant.instances.length)];
    if (!instance && variant.serverless)
      return { kind: 'asleep', variant: variant.name, woken: this.questions?.wake({ endpoint: place, variant: variant.name }) };
    if (!instance) return { kind: 'no instance' };
    return { kind: 'sent', variant, instance, end: this.#use(instance.id) };
  }

  #pick({ arn, variants }: EndpointRoute): VariantRoute | undefined {
    const id = JSON.stringify([arn, variants.map(({ name, weight }) => [name, weight])]);
    const credits = this.#credits.get(id) ?? variants.map(() => 0);
    this.#credits.set(id, credits);
    return pickVariant(variants, credits, this.#options.random.next());
  }

  #use(id: string): () => void {
    const use = this.#uses.get(id) ?? { inFlight: 0, usedAtMs: 0 };
    this.#uses.set(id, use);
    const touch = (by: number) => {
      use.inFlight += by;
      use.usedAtMs = this.#options.clock.now();
    };
    touch(1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      touch(-1);
      for (const look of [...this.#drains]) look();
    };
  }

  actions(): SimAction[] {
    if (this.#wanted.revision <= this.snapshot.revision) return [];
    return [{ name: 'the router applies its routes', perform: () => this.#apply() }];
  }

  #apply(): void {
    this.snapshot = this.#wanted;
    const { revision } = this.snapshot;
    const done = this.#waiting.filter((one) => one.revision <= revision);
    this.#waiting = this.#waiting.filter((one) => one.revision > revision);
    for (const one of done) one.done();
  }

  serverDied(): void {
    this.questions = undefined;
    this.#wanted = this.snapshot;
    this.#waiting = [];
    this.#drains = [];
  }

  open(): RoutePublisher {
    this.serverDied();
    return {
      publishEndpoints: (endpoints) => this.#want({ endpoints: structuredClone(endpoints) }),
      publishIdentities: (identities) => this.#want({ identities: structuredClone(identities) }),
      drained: (instances, timeoutMs) => this.#drained(instances, timeoutMs),
      usage: async (instances) => this.#usage(instances),
      answer: (questions) => {
        this.questions = questions;
      },
    };
  }

  #want(part: Partial<RouteSnapshot>): Promise<void> {
    const revision = this.#wanted.revision + 1;
    this.#wanted = { ...this.#wanted, ...part, revision };
    return new Promise((done) => this.#waiting.push({ revision, done }));
  }

  #usage(instances: readonly string[]): Record<string, InstanceUsage> {
    const known = instances.flatMap((id) => {
      const use = this.#uses.get(id);
      return use ? [[id, { ...use }] as const] : [];
    });
    return Object.fromEntries(known);
  }

  #drained(instances: readonly string[], timeoutMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const isBusy = () => instances.some((id) => (this.#uses.get(id)?.inFlight ?? 0) > 0);
    if (!isBusy()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (drained: boolean) => {
        cancel();
        this.#drains = this.#drains.filter((one) => one !== look);
        resolve(drained);
      };
      const look = () => void (isBusy() || settle(true));
      const cancel = clock.at(clock.now() + timeoutMs, () => settle(false));
      this.#drains.push(look);
    });
  }
}
