import type { WorkAddress } from '../platform/ports/work.ts';
import { Connection, openSocket, type Settled } from './connection.ts';
import type { ModelRequest } from './exchange.ts';

/** Connections to one model server at once, further requests wait; and those held open when none is in use. */
const CONNECTIONS_MAX = 256;
const IDLE_MAX = 32;

/** One model server: its address and the open connections to it. */
export class Upstream {
  readonly #address: WorkAddress;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();
  readonly #waiting: (() => void)[] = [];
  #isRetired = false;

  constructor(address: WorkAddress) {
    this.#address = address;
  }

  /** One request on one connection, up to the head of its answer. */
  async send(asked: ModelRequest): Promise<Settled> {
    while (this.#idle.length === 0 && this.#open.size >= CONNECTIONS_MAX) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    // the one used last is the least likely to have been closed meanwhile
    return (this.#idle.pop() ?? this.#connect()).send(asked);
  }

  #connect(): Connection {
    const connection: Connection = new Connection(this.#address, (reusable) => this.#released(connection, reusable));
    this.#open.add(connection);
    return connection;
  }

  #released(connection: Connection, reusable: boolean): void {
    if (!reusable) {
      this.#open.delete(connection);
      const place = this.#idle.indexOf(connection);
      if (place >= 0) this.#idle.splice(place, 1);
    } else if (this.#isRetired || this.#idle.length >= IDLE_MAX) {
      connection.close();
    } else {
      this.#idle.push(connection);
    }
    this.#waiting.shift()?.();
  }

  /** Whether something accepts connections at the address now. */
  reachable(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = openSocket(this.#address);
      const answer = (reached: boolean) => {
        socket.destroy();
        resolve(reached);
      };
      socket.setTimeout(1_000, () => answer(false));
      socket.once('connect', () => answer(true));
      socket.once('error', () => answer(false));
    });
  }

  /** Idle connections close; those in use when their request is over. */
  retire(): void {
    this.#isRetired = true;
    for (const connection of [...this.#idle]) connection.close();
  }
}
