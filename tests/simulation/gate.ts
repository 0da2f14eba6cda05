import type { Decorate } from '../../src/platform/ports/decorate.ts';

/** A call of a port that waits at its way in or at its way out for the scheduler to let it go on. */
export interface Held {
  /** e.g. `store.commit`. */
  readonly call: string;
  readonly side: 'before' | 'after';
  readonly args: readonly unknown[];
  /** Goes on as if nothing had been. */
  release(): void;
  /** Ends as the fault says; `before` then never reaches the port. */
  fault(fault: PortFault): void;
}

/** `throws`, or answers in the port's own words. */
export type PortFault = { readonly throws: Error } | { readonly answers: unknown };

export interface GateOptions {
  /** Whether this call is to wait on this side; the others go straight through. */
  readonly holds: (call: string, side: Held['side']) => boolean;
}

/** Methods that answer at once, or whose answer is no promise. */
const IMMEDIATE: Readonly<Record<string, readonly string[]>> = {
  store: ['onCommitted'],
  backend: ['onChange', 'address', 'name', 'log'],
  blobs: ['open', 'start', 'collect', 'stop'],
  routes: ['answer'],
};

/** A process hands these over in its order, whatever it then waits for: they are held on their way out only. */
const IN_ORDER = /^routes\.publish/;

/**
 * Stands between the rooms of one simulated server and its ports: what a call of a port would do is done when the scheduler says so, in the order
 * it says. When the server dies, everything that waits here is forgotten: nobody in it ever hears again.
 */
export class Gate {
  readonly held: Held[] = [];
  #dead = false;
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  readonly decorate: Decorate = (name, port) => {
    const immediate = IMMEDIATE[name] ?? [];
    const wrapped = new Map<PropertyKey, unknown>();
    return new Proxy(port, {
      get: (target, property) => {
        const known = wrapped.get(property);
        if (known) return known;
        const value = Reflect.get(target, property) as unknown;
        if (typeof value !== 'function' || immediate.includes(String(property))) return value;
        const call = `${name}.${String(property)}`;
        const gated = (...args: unknown[]) => this.pass(call, args, () => Reflect.apply(value, target, args) as unknown);
        wrapped.set(property, gated);
        return gated;
      },
    });
  };

  /** A call that waits on both sides of `perform`. */
  async pass(call: string, args: readonly unknown[], perform: () => unknown): Promise<unknown> {
    if (this.#dead) return never();
    if (!IN_ORDER.test(call) && this.#options.holds(call, 'before')) {
      const fault = await this.#hold(call, 'before', args);
      if (fault) return answered(fault);
    }
    let outcome: { readonly value: unknown } | { readonly error: unknown };
    try {
      outcome = { value: await perform() };
    } catch (error) {
      outcome = { error };
    }
    if (this.#dead) return never();
    if (this.#options.holds(call, 'after')) {
      const fault = await this.#hold(call, 'after', args);
      if (fault) return answered(fault);
    }
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  /** The server is gone. */
  die(): void {
    this.#dead = true;
    this.held.length = 0;
  }

  #hold(call: string, side: Held['side'], args: readonly unknown[]): Promise<PortFault | undefined> {
    return new Promise((resolve) => {
      const end = (fault?: PortFault) => {
        const at = this.held.indexOf(held);
        if (at < 0) return;
        this.held.splice(at, 1);
        resolve(fault);
      };
      const held: Held = { call, side, args, release: () => end(), fault: end };
      this.held.push(held);
    });
  }
}

function answered(fault: PortFault): unknown {
  if ('throws' in fault) throw fault.throws;
  return fault.answers;
}

const never = (): Promise<never> => new Promise(() => {});
