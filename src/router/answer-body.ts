import type { AnswerHead } from './answer-head.ts';

const CHUNK_LINE_BYTES_MAX = 1024;
const TRAILER_BYTES_MAX = 16 * 1024;
const EMPTY: Buffer = Buffer.alloc(0);

/** Takes the body of one answer out of what arrives on a connection. Chunk sizes and trailers stay inside. */
export class BodyReader {
  readonly #framing: AnswerHead['framing'];
  /** Of the body, or of the present chunk. */
  #left: number;
  #step: 'data' | 'size' | 'line-end' | 'trailer' = 'data';
  #kept = EMPTY;
  #trailerBytes = 0;
  /** `malformed`: what follows on the connection means nothing. */
  status: 'reading' | 'ended' | 'malformed' = 'reading';
  /** What came after the end; no answer should have any. */
  excessBytes = 0;

  constructor({ framing, length }: Pick<AnswerHead, 'framing' | 'length'>) {
    this.#framing = framing;
    this.#left = length;
    if (framing === 'chunked') this.#step = 'size';
    if (framing === 'none' || (framing === 'length' && length === 0)) this.status = 'ended';
  }

  /** The parts of the body in `data`; look at `status` afterwards. */
  read(data: Buffer): Buffer[] {
    if (this.status !== 'reading') {
      this.excessBytes += data.length;
      return [];
    }
    if (this.#framing === 'close') return data.length > 0 ? [data] : [];
    if (this.#framing === 'length') {
      const part = data.subarray(0, this.#left);
      this.#left -= part.length;
      if (this.#left === 0) this.status = 'ended';
      this.excessBytes = data.length - part.length;
      return part.length > 0 ? [part] : [];
    }
    return this.#readChunks(data);
  }

  /** The connection has ended: whether that is the end of the body, too. */
  endOfConnection(): boolean {
    if (this.#framing === 'close' && this.status === 'reading') this.status = 'ended';
    return this.status === 'ended';
  }

  #readChunks(data: Buffer): Buffer[] {
    const parts: Buffer[] = [];
    let rest = this.#kept.length > 0 ? Buffer.concat([this.#kept, data]) : data;
    this.#kept = EMPTY;
    while (rest.length > 0 && this.status === 'reading') {
      if (this.#step === 'data') {
        const part = rest.subarray(0, this.#left);
        parts.push(part);
        this.#left -= part.length;
        rest = rest.subarray(part.length);
        if (this.#left === 0) this.#step = 'line-end';
        continue;
      }
      const end = rest.indexOf('\r\n');
      if (end < 0) {
        if (rest.length > CHUNK_LINE_BYTES_MAX) this.status = 'malformed';
        this.#kept = rest;
        return parts;
      }
      this.#takeLine(rest.toString('latin1', 0, end));
      rest = rest.subarray(end + 2);
    }
    if (this.status === 'ended') this.excessBytes = rest.length;
    return parts;
  }

  #takeLine(line: string): void {
    if (this.#step === 'line-end') {
      if (line !== '') this.status = 'malformed';
      this.#step = 'size';
    } else if (this.#step === 'size') {
      const size = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/.exec(line)?.[1];
      if (size === undefined) {
        this.status = 'malformed';
        return;
      }
      this.#left = Number.parseInt(size, 16);
      this.#step = this.#left === 0 ? 'trailer' : 'data';
    } else if (line === '') {
      this.status = 'ended';
    } else {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > TRAILER_BYTES_MAX) this.status = 'malformed';
    }
  }
}
