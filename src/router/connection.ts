import { connect, type Socket } from 'node:net';
import type { WorkAddress } from '../platform/ports/work.ts';
import { type AnswerHead, parseAnswerHead } from './answer-head.ts';
import { BodyReader } from './answer-body.ts';
import type { ModelRequest } from './exchange.ts';
import { ModelAnswer } from './model-answer.ts';

const HEAD_BYTES_MAX = 64 * 1024;
/** Up to here head and body go out as one piece. */
const ONE_PIECE_BYTES_MAX = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const EMPTY: Buffer = Buffer.alloc(0);

/**
 * `refused`: no connection, so the model server saw nothing. `broken`: the connection ended before the answer began. `stale`: so did one
 * that had been idle; a new one may well work.
 */
export type Settled =
  | { readonly kind: 'answered'; readonly answer: ModelAnswer }
  | { readonly kind: 'refused' | 'stale' | 'broken' | 'late' | 'aborted' };

const REFUSALS = new Set(['ECONNREFUSED', 'ENOENT', 'EAGAIN', 'ENOTSOCK']);

export const openSocket = (address: WorkAddress): Socket =>
  address.kind === 'unix' ? connect(address.socketPath) : connect({ host: address.host, port: address.port, noDelay: true });

/**
 * One keep-alive connection to a model server, for one request after the other. Node's own client would do, at more than twice the
 * processor time: on this path it is the router's largest part.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #released: (reusable: boolean) => void;
  #settle: ((outcome: Settled) => void) | undefined;
  #kept = EMPTY;
  #head: AnswerHead | undefined;
  #body: BodyReader | undefined;
  #answer: ModelAnswer | undefined;
  #requests = 0;

  /** `released` is called when a request is over, and again when the connection has closed: false means that it is of no use any more. */
  constructor(address: WorkAddress, released: (reusable: boolean) => void) {
    this.#released = released;
    this.#socket = openSocket(address);
    this.#socket.on('data', (data: Buffer) => this.#read(data));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#ended(error.code));
    this.#socket.on('close', () => this.#ended(undefined));
  }

  /** Resolves with the head of the answer. One request at a time. */
  send(asked: ModelRequest): Promise<Settled> {
    this.#requests += 1;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#giveUp('late'), Math.max(0, asked.deadlineMs - Date.now()));
      this.#settle = (outcome) => {
        this.#settle = undefined;
        clearTimeout(timer);
        asked.client.onGone = undefined;
        resolve(outcome);
      };
      if (asked.client.isGone) return this.#giveUp('aborted');
      asked.client.onGone = () => this.#giveUp('aborted');
      this.#write(asked);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #giveUp(kind: 'late' | 'aborted'): void {
    this.#settle?.({ kind });
    this.#socket.destroy();
  }

  #write({ method = 'POST', path, headers, body }: ModelRequest): void {
    let head = `${method} ${path} HTTP/1.1\r\nhost: model\r\n`;
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
    head += `content-length: ${body.length}\r\n\r\n`;
    if (body.length > ONE_PIECE_BYTES_MAX) {
      this.#socket.write(head, 'latin1');
      this.#socket.write(body);
      return;
    }
    const piece = Buffer.allocUnsafe(head.length + body.length);
    piece.write(head, 0, 'latin1');
    body.copy(piece, head.length);
    this.#socket.write(piece);
  }

  #read(data: Buffer): void {
    if (this.#settle) this.#readHead(data);
    else if (this.#body) this.#readBody(data);
    else this.#socket.destroy(); // nobody asked: what it says cannot be trusted to belong to the next request
  }

  #readHead(data: Buffer): void {
    let rest = this.#kept.length > 0 ? Buffer.concat([this.#kept, data]) : data;
    for (;;) {
      const end = rest.indexOf(HEAD_END);
      if (end < 0) {
        this.#kept = rest;
        if (rest.length > HEAD_BYTES_MAX) this.#refuseAnswer();
        return;
      }
      const head = end > HEAD_BYTES_MAX ? undefined : parseAnswerHead(rest.toString('latin1', 0, end));
      if (!head || head.status === 101) {
        this.#refuseAnswer();
        return;
      }
      rest = rest.subarray(end + HEAD_END.length);
      if (head.status < 200) continue; // an interim answer, e.g. 100 Continue
      this.#kept = EMPTY;
      this.#begin(head, rest);
      return;
    }
  }

  /** It talks, but not HTTP: as good as no answer. */
  #refuseAnswer(): void {
    this.#settle?.({ kind: 'broken' });
    this.#socket.destroy();
  }

  #begin(head: AnswerHead, rest: Buffer): void {
    const answer = new ModelAnswer(head, {
      pause: () => this.#socket.pause(),
      resume: () => this.#socket.resume(),
      destroy: () => this.#socket.destroy(),
    });
    this.#head = head;
    this.#answer = answer;
    this.#body = new BodyReader(head);
    const settle = this.#settle;
    this.#readBody(rest); // first: an answer that is all there is passed on in one piece
    settle?.({ kind: 'answered', answer });
  }

  #readBody(data: Buffer): void {
    const body = this.#body;
    if (!body) return;
    for (const part of body.read(data)) this.#answer?.take(part);
    if (body.status === 'reading') return;
    if (body.status === 'malformed') this.#socket.destroy();
    else this.#over(body.excessBytes === 0);
  }

  /** The answer is whole. The connection is of use if all that was said on it has been understood. */
  #over(isClean: boolean): void {
    const answer = this.#answer;
    const reusable = isClean && this.#head?.keepsAlive === true && this.#socket.writableLength === 0;
    this.#answer = undefined;
    this.#body = undefined;
    this.#settle = undefined;
    answer?.finish('whole');
    if (!reusable) this.#socket.destroy();
    else this.#released(true);
  }

  #ended(code: string | undefined): void {
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer) answer.finish(this.#body?.endOfConnection() ? 'whole' : 'broken');
    this.#body = undefined;
    if (this.#settle) {
      if (REFUSALS.has(code ?? '')) this.#settle({ kind: 'refused' });
      else this.#settle({ kind: this.#requests > 1 && this.#kept.length === 0 ? 'stale' : 'broken' });
    }
    this.#socket.destroy();
    this.#released(false);
  }
}
