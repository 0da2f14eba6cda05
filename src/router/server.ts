import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { comesTooLate, hearLastAnswer } from '../platform/last-answer.ts';
import { createServer } from '../platform/node-http.ts';
import { answerFault, endpointAbsent, type RuntimeFault } from './answer.ts';
import { type InvocationPath, memberFault } from './check-members.ts';
import type { Gate } from './gate.ts';
import { invoke } from './invoke.ts';
import { invokeAsync } from './invoke-async.ts';
import type { RouteTable } from './route-table.ts';
import type { ServerLink } from './server-link.ts';

/** AWS: the body of an invocation is at most 6 MiB. */
const BODY_BYTES_MAX = 6_291_456;
/** What is left of a refused body is read away up to here, so that the client hears the refusal and not a broken pipe. */
const DRAIN_BYTES_MAX = 16 * 1024 * 1024;
const INVOCATIONS = /^\/endpoints\/([^/?]+)\/(invocations|async-invocations|invocations-response-stream)(?:\?.*)?$/;

/** What a policy has to allow for each path. */
const ACTIONS = {
  invocations: 'sagemaker:InvokeEndpoint',
  'async-invocations': 'sagemaker:InvokeEndpointAsync',
  'invocations-response-stream': 'sagemaker:InvokeEndpointWithResponseStream',
} as const;

export interface RuntimeServerPorts {
  readonly routes: RouteTable;
  readonly gate: Gate;
  readonly server: ServerLink;
  /** Tells of faults of our own; the client only gets the request id. */
  readonly report: (requestId: string, error: unknown) => void;
}

/** The runtime API over HTTP: reads, authenticates, authorises, and passes on to `invoke`. */
export function createRuntimeServer(ports: RuntimeServerPorts): Server {
  return createServer({ keepAliveTimeout: 65_000, requestTimeout: 120_000 }, (request, response) => {
    if (comesTooLate(request)) return;
    hearLastAnswer(request);
    const requestId = randomUUID();
    serve(ports, request, response, requestId).catch((error: unknown) => {
      ports.report(requestId, error);
      answerFault(response, requestId, {
        status: 500,
        code: 'InternalFailure',
        message: `The router failed on request ${requestId}. See its log.`,
      });
    });
  });
}

async function serve(
  ports: RuntimeServerPorts,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  const target = request.url ?? '/';
  if (target === '/_slipway/health') return answerHealth(response);
  const refuse = (fault: RuntimeFault) => {
    answerFault(response, requestId, fault, !request.complete && !isDrained(request));
    if (!request.complete) request.resume();
  };
  const match = INVOCATIONS.exec(target);
  const name = match && decodeName(match[1] ?? '');
  if (!name || request.method !== 'POST') {
    return refuse({
      status: 404,
      code: 'UnknownOperationException',
      message: 'This port answers POST /endpoints/NAME/invocations only. All other operations are on the main port.',
    });
  }
  const body = await readBody(request);
  if (body === undefined) return;
  if (body === 'too large') {
    return refuse({
      status: 413,
      code: 'RequestEntityTooLarge',
      message: `HTTP content length exceeded ${BODY_BYTES_MAX} bytes.`,
    });
  }
  const path = match?.[2] ?? 'invocations';
  const entrance = ports.gate.admit(request, body, name, ACTIONS[path as InvocationPath]);
  if (!entrance.admitted) return refuse(entrance.fault);
  const fault = memberFault(path as InvocationPath, name, request.headers, body);
  if (fault) return refuse(fault);
  const entry = ports.routes.find(entrance.account, entrance.region, name);
  if (!entry) return refuse(endpointAbsent(name, entrance.account));
  if (path === 'async-invocations') {
    await invokeAsync({ entry, requestId, headers: request.headers }, ports.server, response);
    return;
  }
  const streams = path === 'invocations-response-stream';
  await invoke({ entry, requestId, headers: request.headers, body, streams }, ports.server, response);
}

/** Whether the rest of the body has a known end near enough to wait for; else the connection ends with the answer. */
const isDrained = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined && Number(headers['content-length']) <= DRAIN_BYTES_MAX;

function answerHealth(response: ServerResponse): void {
  const body = '{"status":"ok"}\n';
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

function decodeName(text: string): string | undefined {
  const name = text.includes('%') ? undefined : text; // names are letters, digits and hyphens
  return name !== undefined && /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/.test(name) ? name : undefined;
}

/** The whole body: its hash is signed, and a retry sends it again. Undefined when the client went away. */
function readBody(request: IncomingMessage): Promise<Buffer | 'too large' | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) return Promise.resolve('too large');
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes <= BODY_BYTES_MAX) chunks.push(chunk);
      else resolve('too large');
    });
    request.once('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, sizeBytes)));
    request.once('close', () => resolve(undefined));
    request.once('error', () => resolve(undefined));
  });
}
