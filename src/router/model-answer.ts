import type { AnswerHead } from './answer-head.ts';

/** How much of an answer may wait for its reader before the model server has to wait, too. */
const WAITING_BYTES_MAX = 256 * 1024;

/** What a body needs of the connection that it arrives on. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** Gives the rest of the answer up. */
  destroy(): void;
}

/** A model server's answer: its head is there, its body arrives. */
export class ModelAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly #source: BodySource;
  #parts: Buffer[] = [];
  #waitingBytes = 0;
  #isPaused = false;
  #end: 'whole' | 'broken' | undefined;
  #wake = () => {};
  readonly #ended: (() => void)[] = [];

  constructor(head: Pick<AnswerHead, 'status' | 'headers'>, source: BodySource) {
    this.status = head.status;
    this.headers = head.headers;
    this.#source = source;
  }

  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The body, when it has already arrived from end to end and nobody has read of it yet. */
  whole(): Buffer | undefined {
    if (this.#end !== 'whole') return undefined;
    return this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
  }

  /** The body as it arrives. Throws when it breaks off; whoever stops reading before the end closes the connection. */
  async *chunks(): AsyncGenerator<Buffer, void> {
    try {
      for (;;) {
        const parts = this.#parts;
        this.#parts = [];
        for (const part of parts) {
          yield part;
          this.#waitingBytes -= part.length;
        }
        if (this.#isPaused && this.#waitingBytes < WAITING_BYTES_MAX) {
          this.#isPaused = false;
          this.#source.resume();
        }
        if (this.#parts.length > 0) continue;
        if (this.#end === 'whole') return;
        if (this.#end === 'broken') throw new Error('the model server broke its answer off');
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      if (this.#end === undefined) this.destroy();
    }
  }

  /** Calls back once, when the answer is over, however it ended. Several may ask: the instance and its model both count what is in flight. */
  onEnd(ended: () => void): void {
    if (this.#end === undefined) this.#ended.push(ended);
    else ended();
  }

  destroy(): void {
    if (this.#end === undefined) this.#source.destroy();
  }

  /** By the connection: more of the body. */
  take(part: Buffer): void {
    this.#parts.push(part);
    this.#waitingBytes += part.length;
    if (this.#waitingBytes >= WAITING_BYTES_MAX && !this.#isPaused) {
      this.#isPaused = true;
      this.#source.pause();
    }
    this.#wake();
  }

  /** By the connection: nothing more comes. */
  finish(end: 'whole' | 'broken'): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    // what is left is here: the connection may carry the next answer, which nobody would read while it is paused
    if (this.#isPaused && end === 'whole') this.#source.resume();
    this.#isPaused = false;
    this.#wake();
    for (const ended of this.#ended) ended();
  }
}
