import type { Agent as HttpAgent, RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { Agent } from '../platform/node-http.ts';
import type { WorkAddress } from '../platform/ports/work.ts';

/** Connections held open to one model server, and how many at once; further requests wait in the agent. */
const SOCKETS_MAX = 256;
const IDLE_SOCKETS_MAX = 32;

/** One model server as the router knows it: its address, its open connections and its load. */
export class Instance {
  readonly id: string;
  readonly address: WorkAddress;
  inFlight = 0;
  refusedAtMs = 0;
  readonly requestOptions: RequestOptions;
  readonly #agent: HttpAgent;
  #idle: (() => void)[] = [];

  constructor(id: string, address: WorkAddress) {
    this.id = id;
    this.address = address;
    this.#agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, maxFreeSockets: IDLE_SOCKETS_MAX, scheduling: 'lifo' });
    this.requestOptions = {
      agent: this.#agent,
      ...(address.kind === 'unix' ? { socketPath: address.socketPath } : { host: address.host, port: address.port }),
    };
  }

  sameAddress(address: WorkAddress): boolean {
    return JSON.stringify(address) === JSON.stringify(this.address);
  }

  begin(): void {
    this.inFlight += 1;
  }

  end(): void {
    this.inFlight -= 1;
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

  /** Whether something accepts connections at the address now. */
  reachable(): Promise<boolean> {
    const { address } = this;
    return new Promise((resolve) => {
      const socket = address.kind === 'unix' ? connect(address.socketPath) : connect(address.port, address.host);
      const answer = (reached: boolean) => {
        socket.destroy();
        resolve(reached);
      };
      socket.setTimeout(1_000, () => answer(false));
      socket.once('connect', () => answer(true));
      socket.once('error', () => answer(false));
    });
  }

  /** Idle connections close; those in use end with their request. */
  retire(): void {
    this.#agent.destroy();
  }
}
