import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import type { IdentityDirectory } from '../../platform/authorization/port.ts';
import type { RegistryAccess, RegistryTokens } from '../../platform/authorization/registry-token.ts';
import type { Dispatcher } from '../../platform/calls/dispatch.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { GatewayLog } from '../fault.ts';
import { hasLongRest } from '../respond.ts';
import { findAction } from './registry-actions.ts';
import { refusal, RegistryRefusal, registryError, type RegistryError } from './registry-errors.ts';

/**
 * The image registry under `/v2/`: the OCI distribution specification 1.1, as `skopeo`, `docker push` and `crane` speak it. Whoever
 * asks is named by the token of `ecr:GetAuthorizationToken`; every request becomes calls of ECR's operations, which validate,
 * authorise and record.
 */
export interface RegistryPorts {
  readonly dispatcher: Dispatcher;
  readonly identities: Pick<IdentityDirectory, 'credential'>;
  readonly registryTokens: RegistryTokens;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: GatewayLog;
}

const WORK_MS = 30 * 60_000;

/** One request on its way. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  sendContinue(): void;
  call<N extends OperationName>(name: N, input: InputOf<N>): Promise<OutputOf<N>>;
}

export const isRegistryRequest = (request: IncomingMessage): boolean => /^\/v2(\/|\?|$)/.test(request.url ?? '');

/** Answers a request of the registry protocol. Never throws. */
export async function answerRegistry(
  ports: RegistryPorts,
  request: IncomingMessage,
  response: ServerResponse,
  sendContinue: () => void,
): Promise<void> {
  const requestId = ports.ids.uuid();
  response.setHeader('docker-distribution-api-version', 'registry/2.0');
  response.setHeader('x-amzn-requestid', requestId);
  try {
    const url = URL.parse(request.url ?? '', 'http://slipway.invalid');
    if (!url) throw refusal(400, 'NAME_INVALID', 'The URL cannot be parsed.');
    const access = await authenticate(ports, request, url);
    const { host = '' } = request.headers;
    const caller = {
      principal: access.principal,
      region: access.region,
      requestId,
      client: {
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: (request.headers['user-agent'] ?? '').slice(0, 512),
        ...(/^[A-Za-z0-9.:[\]-]+$/.test(host) && { endpoint: `http://${host}` }),
      },
    };
    const action = findAction(request.method ?? 'GET', url.pathname);
    // while a layer is joined or an image unpacked no byte passes; Node's own times come back with the answer
    request.socket.setTimeout(WORK_MS);
    await action({
      request,
      response,
      url,
      sendContinue,
      call: (name, input) => ports.dispatcher.dispatch(name, input, caller),
    });
  } catch (thrown) {
    if (response.headersSent) response.destroy();
    else sendError(request, response, registryError(thrown, requestId, request.url ?? '', ports.log));
  }
}

function sendError(request: IncomingMessage, response: ServerResponse, error: RegistryError): void {
  const text = JSON.stringify({ errors: [{ code: error.code, message: error.message, detail: null }] });
  response.writeHead(error.status, {
    ...error.headers,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    ...(hasLongRest(request) && { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : text);
  request.resume();
}

/** Basic with ECR's user name `AWS`, or the token in the address that GetDownloadUrlForLayer gave. */
async function authenticate(ports: RegistryPorts, request: IncomingMessage, url: URL): Promise<RegistryAccess> {
  const password = passwordOf(request.headers.authorization);
  const token = password ?? (request.method === 'GET' ? (url.searchParams.get('token') ?? undefined) : undefined);
  const access = token ? ports.registryTokens.open(token, ports.clock.now()) : undefined;
  // an address is passed on more easily than a password, which is good for everything
  const path = password === undefined ? url.pathname : undefined;
  if (!access || access.path !== path || !(await stillKnown(ports, access))) throw unauthorized(token !== undefined);
  return access;
}

/** A key that was deleted or made inactive ends the tokens it got. */
async function stillKnown({ identities }: RegistryPorts, { principal }: RegistryAccess): Promise<boolean> {
  if (principal.kind !== 'user' || principal.accessKeyId === undefined) return true;
  const found = await identities.credential(principal.accessKeyId, undefined);
  return found !== undefined && !('problem' in found) && found.principal.arn === principal.arn;
}

function passwordOf(header: string | undefined): string | undefined {
  const basic = /^Basic\s+([A-Za-z0-9+/=_-]+)$/i.exec(header ?? '')?.[1];
  if (basic === undefined) return undefined;
  const pair = Buffer.from(basic, 'base64').toString('utf8');
  return pair.startsWith('AWS:') ? pair.slice('AWS:'.length) : '';
}

const unauthorized = (given: boolean): RegistryRefusal =>
  new RegistryRefusal({
    status: 401,
    code: 'UNAUTHORIZED',
    message: given
      ? 'The authorization token is not one of this registry, or has expired. Get a new one: aws ecr get-login-password.'
      : 'Authentication is required: user AWS, password from aws ecr get-login-password.',
    headers: { 'www-authenticate': 'Basic realm="slipway",service="ecr.amazonaws.com"' },
  });
