import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Connection } from '../connection.ts';

const ACCOUNT = '123456789012';

/** What an operation is answered with; thrown, a `Refusal` is AWS's error. */
export type Answers = Readonly<Record<string, (input: Record<string, never>) => unknown>>;

export class Refusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * A server for what verbs do with answers: which calls they make, and when. It takes JSON operations by their name, forms by their `Action` (the
 * answer is XML), everything else by method and path; its input is what stands behind the `?`.
 */
export async function withServer(
  answers: Answers,
  run: (connection: Connection, calls: string[]) => Promise<void>,
): Promise<void> {
  const calls: string[] = [];
  const server = createServer((request, response) => void answer({ ...IDENTITY, ...answers }, calls, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await run(
      { folder: '/nowhere', url, runtimeUrl: url, region: 'us-east-1', accessKeyId: 'AKIA', secretAccessKey: 'secret' },
      calls,
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const IDENTITY: Answers = {
  GetCallerIdentity: () => `<Account>${ACCOUNT}</Account><Arn>arn:aws:iam::${ACCOUNT}:user/admin</Arn>`,
};

async function answer(answers: Answers, calls: string[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const { 'x-amz-target': target, 'content-type': type = '' } = request.headers;
  const isForm = type.includes('form-urlencoded');
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://slipway.invalid');
  const fields = Object.fromEntries(isForm ? new URLSearchParams(body) : searchParams);
  const name = String(target ?? '').split('.')[1] ?? fields['Action'] ?? `${request.method} ${pathname}`;
  calls.push(name);
  try {
    const made = answers[name];
    if (!made) throw new Refusal('NotAsked', `The test answers no ${name}.`);
    const given = made((target ? JSON.parse(body || '{}') : fields) as Record<string, never>);
    if (request.method === 'DELETE') response.statusCode = 204;
    const isText = typeof given === 'string' || given instanceof Uint8Array;
    response.end(isText ? given : JSON.stringify(given ?? {}));
  } catch (error) {
    const { code = 'InternalFailure', message, status = 500 } = error as Refusal;
    response.writeHead(status).end(JSON.stringify({ __type: code, message }));
  }
}
