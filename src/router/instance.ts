import type { InstanceRoute } from '../platform/ports/routes.ts';
import { ModelCache } from './models.ts';
import { Upstream } from './upstream.ts';

/** One instance as the router knows it: the model servers of its containers, and its load. */
export class Instance {
  readonly id: string;
  readonly upstreams: readonly Upstream[];
  inFlight = 0;
  refusedAtMs = 0;
  /** When it was last busy. */
  usedAtMs = 0;
  readonly models = new ModelCache();
  readonly #route: string;
  #idle: (() => void)[] = [];

  constructor(route: InstanceRoute) {
    this.id = route.id;
    this.#route = JSON.stringify(route);
    this.upstreams = [route.address, ...(route.following ?? [])].map((address) => new Upstream(address));
  }

  sameRoute(route: InstanceRoute): boolean {
    return JSON.stringify(route) === this.#route;
  }

  begin(): void {
    this.inFlight += 1;
    this.usedAtMs = Date.now();
  }

  end(): void {
    this.inFlight -= 1;
    this.usedAtMs = Date.now();
    if (this.inFlight > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const tell of waiting) tell();
  }

  /** Resolves true when nothing is in flight, false when `timeoutMs` passed before. */
  drained(timeoutMs: number): Promise<boolean> {
    if (this.inFlight === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /** Whether all its model servers accept connections now. */
  async reachable(): Promise<boolean> {
    for (const upstream of this.upstreams) if (!(await upstream.reachable())) return false;
    return true;
  }

  /** Idle connections close; those in use end with their request. */
  retire(): void {
    for (const upstream of this.upstreams) upstream.retire();
  }
}
