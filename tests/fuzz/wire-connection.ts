import { connect, type Socket } from 'node:net';

/** One answer as it came. */
export interface Answer {
  readonly status: number;
  /** Names in lower case; of several with one name the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What became of a request: its answers, and how the connection ended if it did. */
export interface Outcome {
  readonly answers: readonly Answer[];
  readonly end: 'open' | 'closed' | 'reset' | 'timeout';
}

const NO_ANSWER_MS = 60_000;
export const BROKE_OFF = 'an answer broke off';

/**
 * A kept connection of a client that takes any bytes and reads answers strictly: what is no HTTP/1.1 answer is an error. One request at
 * a time; opened again when the server has closed it.
 */
export class WireConnection {
  readonly #port: number;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #ended: 'closed' | 'reset' | undefined;

  constructor(origin: string) {
    this.#port = Number(new URL(origin).port);
  }

  /** Sends and reads one answer. `closing`: the sending side is closed behind the bytes, and all answers until the end are read. */
  async exchange(bytes: Uint8Array, options: ExchangeOptions): Promise<Outcome> {
    const reused = this.#socket !== undefined && this.#ended === undefined;
    const outcome = await this.#once(bytes, options);
    // the server may close an idle connection just as it is used
    return reused && outcome.answers.length === 0 && outcome.end !== 'timeout' && !options.closing
      ? this.#once(bytes, options)
      : outcome;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #once(bytes: Uint8Array, { method, closing = false, pauseMs = 0 }: ExchangeOptions): Promise<Outcome> {
    if (!this.#socket || this.#ended) this.#open();
    const latestMs = Date.now() + NO_ANSWER_MS + pauseMs;
    this.#socket?.write(bytes);
    if (pauseMs > 0) await new Promise((done) => setTimeout(done, pauseMs));
    if (closing) this.#socket?.end();
    const answers: Answer[] = [];
    for (;;) {
      const answer = this.#take(method);
      if (answer && answer.status >= 200) answers.push(answer);
      else if (answer) continue;
      if (answer && !closing) {
        if (answer.headers['connection'] === 'close') this.close();
        else if (this.#received.length > 0) throw new WireFault('bytes behind the answer that nobody asked for');
        return { answers, end: this.#socket ? 'open' : 'closed' };
      }
      if (answer) continue;
      if (this.#ended) {
        const end = this.#ended;
        const isPart = this.#received.length > 0 && end === 'closed';
        this.close();
        if (isPart) throw new WireFault(BROKE_OFF);
        return { answers, end };
      }
      if (!(await this.#more(latestMs))) {
        this.close();
        return { answers, end: 'timeout' };
      }
    }
  }

  #open(): void {
    const socket = connect(this.#port, '127.0.0.1');
    socket.setNoDelay(true);
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    this.#ended = undefined;
    socket.on('data', (part: Buffer) => {
      if (this.#socket !== socket) return;
      this.#received = this.#received.length === 0 ? part : Buffer.concat([this.#received, part]);
      this.#wake?.();
    });
    const end = (how: 'closed' | 'reset') => () => {
      if (this.#socket !== socket) return;
      this.#ended ??= how;
      this.#wake?.();
    };
    socket.on('error', end('reset')).on('end', end('closed')).on('close', end('closed'));
  }

  #more(latestMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(false), Math.max(0, latestMs - Date.now()));
      const finish = (came: boolean): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(came);
      };
      this.#wake = () => finish(true);
    });
  }

  /** The next whole answer of what has come, if it is there. */
  #take(method: string): Answer | undefined {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const [first = '', ...lines] = this.#received.toString('latin1', 0, headEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3})(?: |$)/.exec(first)?.[1] ?? Number.NaN);
    if (Number.isNaN(status)) throw new WireFault(`no answer of HTTP/1.1: ${first.slice(0, 200)}`);
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon <= 0) throw new WireFault(`no header: ${line.slice(0, 200)}`);
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const bodyless = method === 'HEAD' || status < 200 || status === 204 || status === 304;
    const body = bodyless ? { bytes: Buffer.alloc(0), end: headEnd + 4 } : this.#bodyAt(headEnd + 4, headers);
    if (!body) return undefined;
    this.#received = this.#received.subarray(body.end);
    return { status, headers, body: body.bytes };
  }

  #bodyAt(start: number, headers: Record<string, string>): { bytes: Buffer; end: number } | undefined {
    const length = headers['content-length'];
    if (length !== undefined) {
      const end = start + Number(length);
      return this.#received.length >= end ? { bytes: this.#received.subarray(start, end), end } : undefined;
    }
    if (headers['transfer-encoding'] === 'chunked') return this.#chunksAt(start);
    if (headers['connection'] !== 'close') throw new WireFault('an answer without length on a connection that stays');
    return this.#ended ? { bytes: this.#received.subarray(start), end: this.#received.length } : undefined;
  }

  #chunksAt(start: number): { bytes: Buffer; end: number } | undefined {
    const parts: Buffer[] = [];
    for (let at = start; ; ) {
      const lineEnd = this.#received.indexOf('\r\n', at);
      if (lineEnd < 0) return undefined;
      const size = Number.parseInt(this.#received.toString('latin1', at, lineEnd), 16);
      if (Number.isNaN(size)) throw new WireFault('a chunk without size');
      const end = lineEnd + 2 + size + 2;
      if (this.#received.length < end) return undefined;
      parts.push(this.#received.subarray(lineEnd + 2, end - 2));
      if (size === 0) return { bytes: Buffer.concat(parts), end };
      at = end;
    }
  }
}

export interface ExchangeOptions {
  /** Answers to HEAD have no body whatever their headers say. */
  readonly method: string;
  readonly closing?: boolean;
  readonly pauseMs?: number;
}

/** The server's bytes are no answers of HTTP/1.1. */
export class WireFault extends Error {
  override readonly name = 'WireFault';
}
