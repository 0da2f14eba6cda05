import type { InputOf, OperationName, OutputOf } from '../src/contract/operations.ts';

/** What the server said instead of a result; code `Unreachable` when it said nothing. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * Whether the server refused just what was asked for: it is not there, or not for this user. When nobody is signed in any more, or the server is
 * broken, no part of a page can be shown.
 */
export const isRefusal = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 401;

const ROOT = '/_slipway/ui';
const PATIENCE_MS = 15_000;

/** Calls an operation as the signed-in user. Times in answers are epoch seconds, as on the AWS wire. */
export async function call<N extends OperationName>(name: N, input: InputOf<N>): Promise<OutputOf<N>> {
  const body = JSON.stringify(input);
  const text = await ask(`/api/${name}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return JSON.parse(text) as OutputOf<N>;
}

/** Every item of a paged list. */
export async function callAll<T>(
  page: (nextToken: string | undefined) => Promise<readonly [T[] | undefined, string | undefined]>,
): Promise<T[]> {
  const found: T[] = [];
  let nextToken: string | undefined;
  do {
    const [items, next] = await page(nextToken);
    found.push(...(items ?? []));
    nextToken = next;
  } while (nextToken);
  return found;
}

export interface Identity {
  readonly arn: string;
  readonly region: string;
}

export const identity = async (): Promise<Identity> => JSON.parse(await ask('/identity', {})) as Identity;

/** The beginning of the object at an `s3://` address, as text. */
export async function objectText(address: string): Promise<string> {
  const [, Bucket = '', Key = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(address) ?? [];
  return ask('/text', { method: 'POST', body: JSON.stringify({ Bucket, Key }) });
}

async function ask(path: string, init: RequestInit): Promise<string> {
  const { response, text } = await reach(path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (response.ok) return text;
  const { __type, message } = errorMembers(text);
  throw new ApiError(__type ?? String(response.status), response.status, message ?? text);
}

async function reach(path: string, init: RequestInit): Promise<{ response: Response; text: string }> {
  try {
    const response = await fetch(ROOT + path, init);
    return { response, text: await response.text() };
  } catch {
    throw new ApiError('Unreachable', 0, 'The server does not answer.');
  }
}

interface ErrorMembers {
  readonly __type?: string;
  readonly message?: string;
}

function errorMembers(text: string): ErrorMembers {
  try {
    const { __type, message, Message } = JSON.parse(text) as ErrorMembers & { Message?: string };
    return { __type, message: message ?? Message };
  } catch {
    return {};
  }
}

export interface Prediction {
  readonly status: number;
  readonly contentType: string;
  readonly variant: string;
  /** AWS's error code; empty when it went well. */
  readonly error: string;
  readonly text: string;
}

/** Asks an endpoint; takes as long as the model takes. Throws when a header cannot be sent or the server not be reached. */
export async function predict(endpoint: string, contentType: string, accept: string, body: string): Promise<Prediction> {
  const headers = new Headers({ 'content-type': contentType });
  if (accept) headers.set('accept', accept);
  const { response, text } = await reach(`/invoke/${encodeURIComponent(endpoint)}`, { method: 'POST', headers, body });
  const { __type, message } = response.ok ? {} : errorMembers(text);
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    variant: response.headers.get('x-amzn-invoked-production-variant') ?? '',
    error: response.headers.get('x-amzn-errortype') ?? __type ?? '',
    text: message ?? text,
  };
}
