import type { WorkAnswer, WorkBackend, WorkRequestBody } from '../../platform/ports/work.ts';

/** What an environment's bootstrap (runtimes/function) is asked. */

export interface Answered {
  readonly status: number;
  readonly functionError?: string;
  /** The process ends with this answer. */
  readonly last: boolean;
  readonly body: Buffer;
}

/** More than Lambda lets a function answer: the bootstrap refuses before. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;

export interface Asking {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Undefined when nothing listens there (yet, or any more), when it hung up, and when the signal gave up. Never throws. */
export async function ask(
  backend: Pick<WorkBackend, 'ask'>,
  workId: string,
  { body, ...asking }: Asking,
): Promise<Answered | undefined> {
  const answer = await backend.ask(workId, { ...asking, ...(body !== undefined && { body: bodyOf(body) }) });
  // not there, or cut: what the process came to is known from its end
  if (answer.kind !== 'answered') return undefined;
  const whole = await read(answer);
  const { 'function-error': functionError, last } = answer.headers;
  return (
    whole && {
      status: answer.status,
      last: last !== undefined,
      body: whole,
      ...(typeof functionError === 'string' && { functionError }),
    }
  );
}

function bodyOf(text: string): WorkRequestBody {
  const bytes = Buffer.from(text);
  return {
    sizeBytes: bytes.byteLength,
    parts: (async function* () {
      yield bytes;
    })(),
  };
}

async function read({ body }: Extract<WorkAnswer, { kind: 'answered' }>): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of body) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > ANSWER_BYTES_MAX) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined; // it hung up on the way
  }
  return Buffer.concat(chunks);
}
