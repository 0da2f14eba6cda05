import type { Agent as HttpAgent, RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { Agent } from '../platform/node-http.ts';
import type { WorkAddress } from '../platform/ports/work.ts';

/** Connections held open to one model server, and how many at once; further requests wait in the agent. */
const SOCKETS_MAX = 256;
const IDLE_SOCKETS_MAX = 32;

/** One model server: its address and the open connections to it. */
export class Upstream {
  readonly requestOptions: RequestOptions;
  readonly #address: WorkAddress;
  readonly #agent: HttpAgent;

  constructor(address: WorkAddress) {
    this.#address = address;
    this.#agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, maxFreeSockets: IDLE_SOCKETS_MAX, scheduling: 'lifo' });
    this.requestOptions = {
      agent: this.#agent,
      ...(address.kind === 'unix' ? { socketPath: address.socketPath } : { host: address.host, port: address.port }),
    };
  }

  /** Whether something accepts connections at the address now. */
  reachable(): Promise<boolean> {
    const address = this.#address;
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

  retire(): void {
    this.#agent.destroy();
  }
}
