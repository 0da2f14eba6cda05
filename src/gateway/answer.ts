import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Protocol } from '../contract/model.ts';
import type { OperationName } from '../contract/operations.ts';
import type { Service } from '../contract/services.ts';
import type { Credential, IdentityDirectory } from '../platform/authorization/port.ts';
import type { Dispatcher } from '../platform/calls/dispatch.ts';
import type { Clock } from '../platform/clock.ts';
import { ServiceError } from '../platform/errors/families.ts';
import type { Ids } from '../platform/ids.ts';
import { readBody } from './body.ts';
import type { WireRequest, WireResponse } from './codecs/codec.ts';
import { readForm } from './codecs/query.ts';
import { codecs } from './codecs/table.ts';
import { type GatewayLog, protocolError, wireError } from './fault.ts';
import { hoistedHeaders } from './hoisted-headers.ts';
import { sendResponse } from './respond.ts';
import type { Route, RoutingTable } from './routing.ts';
import { checkedBody, dechunkedBody } from './signature/body.ts';
import { parseQuery, sha256Hex } from './signature/canonical.ts';
import { checkClaim, parseClaim, printable, type SignatureClaim, type SignatureFault } from './signature/claim.ts';
import { pathWithBucket } from './signature/host-bucket.ts';
import { signatureError } from './signature/signature-errors.ts';
import { claimedPayload, signatureMatches, STREAMING_FORMS } from './signature/verify.ts';

export interface AnswerPorts {
  readonly routing: RoutingTable;
  readonly dispatcher: Dispatcher;
  readonly identities: Pick<IdentityDirectory, 'credential'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: GatewayLog;
  /** For requests whose signature names none (old presigned URLs). */
  readonly region: string;
}

const MIB = 1024 * 1024;
/** What AWS takes, or a little more where a service's own limit is lower and its room says so better. */
const BODY_BYTES_MAX: Readonly<Record<Protocol, number>> = {
  json: 10 * MIB,
  'rest-json': 6 * MIB,
  query: MIB,
  ec2: MIB,
  'rest-xml': 8 * MIB,
  'smithy-rpc-v2-cbor': 10 * MIB,
};
/** Operations that take more than their service's others: 50 MB of zipped code, in base64. */
const OPERATION_BYTES_MAX: Readonly<Record<string, number>> = {
  'lambda:CreateFunction': 70 * MIB,
  'lambda:UpdateFunctionCode': 70 * MIB,
};
const OBJECT_BYTES_MAX = 5 * 1024 * MIB;

/** One request being answered: what is known of it grows on the way, and an error uses what is known so far. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly requestId: string;
  readonly target: string;
  /** With the bucket in front, where the host names it. */
  path: string;
  readonly query: [string, string][];
  readonly sendContinue: () => void;
  readonly gone: AbortSignal;
  protocol: Protocol;
  service: Service | undefined;
}

/** Answers a signed AWS request. Never throws. */
export async function answer(
  ports: AnswerPorts,
  request: IncomingMessage,
  response: ServerResponse,
  sendContinue: () => void,
): Promise<void> {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? [] : parseQuery(target.slice(mark + 1));
  const exchange: Exchange = {
    request,
    requestId: ports.ids.uuid(),
    target,
    path,
    query: query ?? [],
    sendContinue,
    gone: goneSignal(response),
    protocol: guessProtocol(request, path),
    service: undefined,
  };
  let wire: WireResponse;
  try {
    if (!query) throw undecodable(exchange.protocol);
    wire = await perform(ports, exchange);
    await sendResponse(request, response, wire, exchange.requestId, ports.log);
  } catch (thrown) {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const { protocol, service, requestId } = exchange;
    const error = protocolError(wireError(thrown, requestId, path, ports.log), protocol);
    const codec = codecs[protocol] ?? codecs.json;
    if (codec) await sendResponse(request, response, codec.encodeError(service, error), requestId, ports.log);
  }
}

/** Aborted when the connection closes before the answer is out. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => response.writableFinished || gone.abort());
  return gone.signal;
}

const undecodable = (protocol: Protocol): ServiceError =>
  new ServiceError(protocol === 'rest-xml' ? 'InvalidURI' : 'MalformedQueryString', "Couldn't parse the specified URI.");

/** The form of an error before the service is known, and of services we do not know. */
function guessProtocol(request: IncomingMessage, path: string): Protocol {
  const { headers } = request;
  const type = headers['content-type'] ?? '';
  if (headers['x-amz-target'] !== undefined || type.startsWith('application/x-amz-json')) return 'json';
  if (headers['smithy-protocol'] !== undefined) return 'smithy-rpc-v2-cbor';
  if (type.startsWith('application/x-www-form-urlencoded')) return 'query';
  if (/^\/endpoints\/[^/]+\//.test(path)) return 'rest-json';
  const service = /Credential=[^/,]+\/\d+\/[^/,]*\/([a-z0-9-]+)\//.exec(headers.authorization ?? '')?.[1];
  return service === undefined || service === 's3' ? 'rest-xml' : 'rest-json';
}

async function perform(ports: AnswerPorts, exchange: Exchange): Promise<WireResponse> {
  const { request } = exchange;
  const claim = required(
    parseClaim({ method: request.method ?? 'GET', target: exchange.target, headers: request.headers }),
    exchange,
  );
  const candidates = ports.routing.servicesOf(claim.scope.service);
  if (claim.scope.service === 's3') exchange.path = pathWithBucket(request.headers.host, exchange.path);
  const hoisted = hoistedHeaders(claim, exchange.query, request.headers);
  const early = routeByHead(ports.routing, candidates, exchange, { ...request.headers, ...hoisted });
  settleProtocol(exchange, candidates, early);
  const clockFault = checkClaim(claim, request.headers, ports.clock.now());
  if (clockFault) throw signatureError(clockFault, exchange.protocol);
  const payload = claimedPayload(claim);
  if ('fault' in payload) throw signatureError(payload, exchange.protocol);
  const credential = await findCredential(ports, claim, exchange);

  // only S3's clients say what they will send: of other services the whole body is needed to check the signature
  const streams =
    exchange.protocol === 'rest-xml' && early?.kind === 'operation' && early.operation.inputPayload?.kind === 'stream';
  const input = streams
    ? streamedInput(exchange, claim, credential, payload.hash ?? '')
    : await bufferedInput(exchange, claim, credential, payload.hash, early?.kind === 'operation' ? early.operation.key : '');
  const route = early ?? routeByAction(ports.routing, candidates, exchange, input.body, claim);
  if (!early && route.kind === 'operation') settleProtocol(exchange, [], route);
  return dispatchRoute(ports, exchange, route, { ...input, headers: { ...input.headers, ...hoisted } }, claim, credential);
}

/** Protocols other than query name the operation in their head. */
function routeByHead(
  routing: RoutingTable,
  candidates: readonly Service[],
  exchange: Exchange,
  headers: IncomingMessage['headers'],
): Route | undefined {
  const { request, path, query } = exchange;
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') {
    const signingName = routing.signingNameOf(target);
    if (signingName !== undefined && !candidates.some((service) => service.signingName === signingName)) {
      const detail = `Credential should be scoped to correct service: '${signingName}'. `;
      throw signatureError({ fault: 'mismatch', detail }, 'json');
    }
    return routing.byTarget(candidates, target);
  }
  if (request.headers['smithy-protocol'] === 'rpc-v2-cbor') return routing.byRpcPath(candidates, path);
  return routing.byPath(candidates, { method: request.method ?? 'GET', path, query, headers });
}

function settleProtocol(exchange: Exchange, candidates: readonly Service[], early: Route | undefined): void {
  const service =
    (early && 'service' in early ? early.service : undefined) ?? (candidates.length === 1 ? candidates[0] : undefined);
  if (!service) return;
  exchange.service = service;
  // CBOR and other protocols that a service also speaks keep the form guessed from the request
  if (exchange.protocol !== 'smithy-rpc-v2-cbor') exchange.protocol = service.model.metadata.protocol;
}

function routeByAction(
  routing: RoutingTable,
  candidates: readonly Service[],
  exchange: Exchange,
  body: Uint8Array,
  claim: SignatureClaim,
): Route {
  const isQuery = candidates.some(({ model }) => model.metadata.protocol === 'query');
  const isForm = (exchange.request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  const pairs = isForm ? [...exchange.query, ...readForm(body)] : exchange.query;
  const action = pairs.find(([name]) => name === 'Action')?.[1];
  if (isQuery && action !== undefined) return routing.byAction(candidates, action);
  if (isQuery) throw new ServiceError('MissingAction', 'The request must contain the parameter Action.');
  if (candidates.length === 0)
    return { kind: 'unknown', service: undefined, named: `${claim.scope.service}${action ? `:${printable(action)}` : ''}` };
  return { kind: 'unknown', service: exchange.service, named: `${exchange.request.method} ${printable(exchange.path)}` };
}

function required<T extends object>(value: T | SignatureFault, exchange: Exchange): T {
  if ('fault' in value) throw signatureError(value as SignatureFault, exchange.protocol);
  return value as T;
}

async function findCredential(ports: AnswerPorts, claim: SignatureClaim, exchange: Exchange): Promise<Credential> {
  const found = await ports.identities.credential(claim.accessKeyId, claim.sessionToken);
  if (!found) throw signatureError({ fault: 'unknown-key' }, exchange.protocol);
  if ('problem' in found) {
    throw signatureError({ fault: found.problem === 'expired' ? 'token-expired' : 'token-invalid' }, exchange.protocol);
  }
  return found;
}

type Input = Pick<WireRequest, 'headers' | 'body' | 'stream'>;

async function bufferedInput(
  exchange: Exchange,
  claim: SignatureClaim,
  credential: Credential,
  claimedHash: string | undefined,
  operation: string,
): Promise<Input> {
  const { request, protocol } = exchange;
  if (claimedHash !== undefined && STREAMING_FORMS.includes(claimedHash)) {
    throw new ServiceError('InvalidRequest', 'This operation does not take an aws-chunked body.');
  }
  const body = await readBody(request, OPERATION_BYTES_MAX[operation] ?? BODY_BYTES_MAX[protocol], exchange.sendContinue);
  const literal = claimedHash !== undefined && claimedHash.length !== 64;
  const hash = literal ? claimedHash : sha256Hex(body);
  verify(exchange, claim, credential, claimedHash ?? hash);
  if (!literal && claimedHash !== undefined && hash !== claimedHash)
    throw signatureError({ fault: 'payload-mismatch' }, protocol);
  return { headers: request.headers, body };
}

function verify(exchange: Exchange, claim: SignatureClaim, credential: Credential, payloadHash: string): void {
  const signed = { method: exchange.request.method ?? 'GET', target: exchange.target, headers: exchange.request.headers };
  if (!signatureMatches(claim, credential.secretAccessKey, signed, payloadHash)) {
    throw signatureError({ fault: 'mismatch' }, exchange.protocol);
  }
}

/** Object bodies: the signature is checked before the first byte is asked for, the content while it passes. */
function streamedInput(exchange: Exchange, claim: SignatureClaim, credential: Credential, payloadHash: string): Input {
  const { request } = exchange;
  verify(exchange, claim, credential, payloadHash);
  const chunked = STREAMING_FORMS.includes(payloadHash);
  const sizeText = request.headers[chunked ? 'x-amz-decoded-content-length' : 'content-length'];
  const sizeBytes = typeof sizeText === 'string' && /^\d{1,15}$/.test(sizeText) ? Number(sizeText) : undefined;
  if (sizeBytes === undefined) {
    throw new ServiceError('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  if (sizeBytes > OBJECT_BYTES_MAX) {
    throw new ServiceError('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
      ProposedSize: sizeBytes,
      MaxSizeAllowed: OBJECT_BYTES_MAX,
    });
  }
  const trailer = request.headers['x-amz-trailer'];
  const trailerName = typeof trailer === 'string' ? trailer.trim().toLowerCase() : undefined;
  const source = continued(request, exchange.sendContinue);
  const stream = chunked
    ? dechunkedBody(source, { sizeBytes, payloadHash }, claim, credential.secretAccessKey, trailerName)
    : checkedBody(source, { sizeBytes, payloadHash });
  return { headers: objectHeaders(request.headers, sizeBytes, chunked), body: new Uint8Array(0), stream };
}

async function* continued(request: IncomingMessage, sendContinue: () => void): AsyncIterable<Uint8Array> {
  sendContinue();
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
  } catch {
    // Node's "aborted": the client went away
    throw new ServiceError('IncompleteBody', 'The client closed the connection before the body was complete.');
  }
}

/** Headers as they describe the object, not its transfer. */
function objectHeaders(headers: IncomingMessage['headers'], sizeBytes: number, chunked: boolean): Input['headers'] {
  if (!chunked) return headers;
  const encodings = (headers['content-encoding'] ?? '').split(',').map((part) => part.trim());
  const kept = encodings.filter((part) => part !== '' && part !== 'aws-chunked').join(',');
  return { ...headers, 'content-length': String(sizeBytes), 'content-encoding': kept === '' ? undefined : kept };
}

async function dispatchRoute(
  ports: AnswerPorts,
  exchange: Exchange,
  route: Route,
  input: Input,
  claim: SignatureClaim,
  credential: Credential,
): Promise<WireResponse> {
  if (route.kind === 'undecodable') throw undecodable(exchange.protocol);
  if (route.kind === 'method') {
    throw new ServiceError('MethodNotAllowed', 'The specified method is not allowed against this resource.', {
      ResourceType: route.named,
    });
  }
  if (route.kind === 'unknown') throw notImplemented(printable(askedFor(route.named, claim.scope.service)));
  const { service, operation, labels } = route;
  const codec = codecs[exchange.protocol];
  if (!codec) throw notImplemented(`The protocol ${exchange.protocol}`);
  if (!ports.dispatcher.has(operation.key)) throw notImplemented(operation.key);
  const { request, path, query } = exchange;
  const decoded = codec.decode(service, operation, { method: request.method ?? 'GET', path, query, labels, ...input });
  const output = await ports.dispatcher.dispatch(operation.key as OperationName, decoded as never, {
    principal: credential.principal,
    region: claim.scope.region || ports.region,
    requestId: exchange.requestId,
    client: {
      sourceIp: request.socket.remoteAddress ?? '',
      userAgent: (request.headers['user-agent'] ?? '').slice(0, 512),
      endpoint: `http://${printable(request.headers.host ?? '')}`,
      gone: exchange.gone,
    },
  });
  return codec.encode(service, operation, output as Record<string, unknown>, exchange.requestId);
}

/** An operation as policies call it, by the service its request is signed for: a target may bear a name that no user of the service knows. */
const askedFor = (named: string, service: string): string =>
  named === service || /[:\s]/.test(named) ? named : `${service}:${named.slice(named.lastIndexOf('.') + 1)}`;

const notImplemented = (what: string): ServiceError => new ServiceError('NotImplementedException', `${what} is not implemented.`);
