import type { InputOf, OperationName, OutputOf } from '../src/contract/operations.ts';

/** What the server said instead of a result. */
export class ApiError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Calls an operation as the signed-in user. Times in answers are epoch seconds, as on the AWS wire. */
export async function call<N extends OperationName>(name: N, input: InputOf<N>): Promise<OutputOf<N>> {
  const response = await fetch(`/_slipway/ui/api/${name}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(input) });
  const text = await response.text();
  if (!response.ok) throw apiErrorOf(response.status, text);
  return JSON.parse(text) as OutputOf<N>;
}

function apiErrorOf(status: number, text: string): ApiError {
  try {
    const error = JSON.parse(text) as { __type?: string; message?: string; Message?: string };
    return new ApiError(error.__type ?? String(status), error.message ?? error.Message ?? text);
  } catch {
    return new ApiError(String(status), text);
  }
}

export interface Prediction {
  readonly status: number;
  readonly contentType: string;
  readonly variant: string;
  readonly text: string;
}

export async function predict(endpoint: string, contentType: string, accept: string, body: string): Promise<Prediction> {
  const headers: Record<string, string> = { 'content-type': contentType };
  if (accept) headers.accept = accept;
  const response = await fetch(`/_slipway/ui/invoke/${encodeURIComponent(endpoint)}`, { method: 'POST', headers, body });
  return {
    status: response.status, contentType: response.headers.get('content-type') ?? '',
    variant: response.headers.get('x-amzn-invoked-production-variant') ?? '', text: await response.text() };
}

export interface Identity { readonly arn: string; readonly region: string }

export async function identity(): Promise<Identity> {
  const response = await fetch('/_slipway/ui/identity');
  if (!response.ok) throw new ApiError(String(response.status), await response.text());
  return (await response.json()) as Identity;
}
