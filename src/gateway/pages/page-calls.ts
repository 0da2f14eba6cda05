import { findService } from '../../contract/services.ts';
import type { Credential } from '../../platform/authorization/port.ts';
import { ERROR_CATALOGUE } from '../../platform/errors/catalogue.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { request as httpRequest } from '../../platform/node-http.ts';
import { readBody } from '../body.ts';
import { jsonCodec, parseJsonBody } from '../codecs/json.ts';
import { decodePercent } from '../signature/canonical.ts';
import { signRequest } from '../signature/sign.ts';
import type { BrowserSession } from './browser-session.ts';
import type { ConsolePorts } from './console-routes.ts';
import { answerJson, answerText, type Exchange, PAGE_HEADERS } from './page-answers.ts';
import { pageRefusal } from './page-operations.ts';

/** Whose browser asks. */
export interface SignedIn {
  readonly browser: BrowserSession;
  readonly credential: Credential;
}

type Handler = (ports: ConsolePorts, to: Exchange, name: string, user: SignedIn, requestId: string) => Promise<void>;

const ENDPOINT_NAME = /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/;
const BODY_BYTES_MAX = 6_291_456;
/** Of an object, as much as a page can show. */
const TEXT_BYTES_MAX = 262_144;

const HANDLERS: Readonly<Record<string, Handler>> = { api: answerCall, text: answerObjectText, invoke: answerPrediction };

/** Answers `<what>/<name>` in the user's name; false when there is no such thing to ask. */
export async function answerPageCall(ports: ConsolePorts, to: Exchange, path: string, user: SignedIn): Promise<boolean> {
  const [, what = '', name = ''] = /^\/([a-z]+)\/?(.*)$/.exec(path) ?? [];
  const handler = Object.hasOwn(HANDLERS, what) ? HANDLERS[what] : undefined;
  if (!handler) return false;
  const requestId = ports.ids.uuid();
  try {
    await handler(ports, to, name, user, requestId);
  } catch (error) {
    answerError(ports, to, requestId, error);
  }
  return true;
}

async function answerCall(ports: ConsolePorts, to: Exchange, name: string, user: SignedIn, requestId: string): Promise<void> {
  const [prefix = '', operationName = ''] = name.split(':');
  const service = findService(ports.services, prefix);
  const operation = service?.operations.get(operationName);
  const mayNever = pageRefusal(name, []);
  if (!service || !operation || mayNever !== undefined) {
    throw new ServiceError('AccessDeniedException', mayNever ?? `The page may not call ${name.slice(0, 100)}.`);
  }
  const body = await bodyOf(to);
  const input = jsonCodec.decode(service, operation, { method: 'POST', path: '/', query: [], headers: {}, labels: {}, body });
  const refusal = pageRefusal(name, Object.keys(input));
  if (refusal !== undefined) throw new ServiceError('AccessDeniedException', refusal);
  const caller = callerOf(to, user, requestId);
  const output = await ports.dispatcher.dispatch(name as 'sagemaker:ListPipelines', input, caller);
  const encoded = jsonCodec.encode(service, operation, output as Record<string, unknown>, requestId);
  to.response.writeHead(encoded.status, { ...PAGE_HEADERS, ...encoded.headers }).end(encoded.body);
}

/** The beginning of an object that the page shows as text, such as an evaluation report: `{Bucket, Key}`. */
async function answerObjectText(ports: ConsolePorts, to: Exchange, _: string, user: SignedIn, requestId: string): Promise<void> {
  const { Bucket, Key } = (parseJsonBody(await bodyOf(to)) ?? {}) as Record<string, unknown>;
  if (typeof Bucket !== 'string' || typeof Key !== 'string') {
    throw new ServiceError('ValidationException', 'Bucket and Key have to be given.');
  }
  const object = await ports.dispatcher.dispatch('s3:GetObject', { Bucket, Key }, callerOf(to, user, requestId));
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of (object.Body ?? []) as AsyncIterable<Uint8Array>) {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes >= TEXT_BYTES_MAX) break;
  }
  const text = Buffer.concat(parts).subarray(0, TEXT_BYTES_MAX).toString('utf8');
  answerText(to, 200, 'text/plain; charset=utf-8', text);
}

/** Signs the prediction with the user's own key and passes it to the router, which authorises it like any other. */
async function answerPrediction(
  ports: ConsolePorts,
  to: Exchange,
  encodedName: string,
  { browser, credential }: SignedIn,
  requestId: string,
): Promise<void> {
  const name = decodePercent(encodedName);
  if (!name || !ENDPOINT_NAME.test(name)) throw new ServiceError('ValidationException', 'This is no name of an endpoint.');
  const { request, response } = to;
  const body = await bodyOf(to);
  const url = new URL(`/endpoints/${name}/invocations`, ports.runtimeUrl());
  const headers: Record<string, string> = { 'content-type': request.headers['content-type'] ?? 'text/csv' };
  if (request.headers.accept && request.headers.accept !== '*/*') headers['accept'] = request.headers.accept;
  const signed = signRequest({
    method: 'POST',
    url,
    headers,
    body,
    region: browser.region,
    service: 'sagemaker',
    nowMs: ports.clock.now(),
    credentials: { accessKeyId: browser.accessKeyId, secretAccessKey: credential.secretAccessKey },
  });
  const onward = httpRequest(url, { method: 'POST', headers: { ...signed, 'content-length': String(body.length) } });
  response.once('close', () => onward.destroy()); // nobody waits for the answer any more
  onward.once('response', (answer) => {
    const { 'content-type': type = 'text/plain', ...others } = answer.headers;
    const kept = ['x-amzn-invoked-production-variant', 'x-amzn-errortype'].flatMap((header) =>
      others[header] === undefined ? [] : [[header, String(others[header])]],
    );
    response.writeHead(answer.statusCode ?? 502, { ...PAGE_HEADERS, 'content-type': type, ...Object.fromEntries(kept) });
    answer.once('error', () => response.destroy()).pipe(response);
  });
  onward.once('error', (error) => {
    if (response.destroyed) return;
    ports.log('prediction from the page not forwarded', { requestId, error });
    if (response.headersSent) response.destroy();
    else answerJson(to, 503, { __type: 'ServiceUnavailable', message: 'The router does not answer. It is being started again.' });
  });
  onward.end(body);
}

const bodyOf = ({ request }: Exchange): Promise<Uint8Array> => readBody(request, BODY_BYTES_MAX, () => {});

const callerOf = ({ request }: Exchange, { browser, credential }: SignedIn, requestId: string) => ({
  principal: credential.principal,
  region: browser.region,
  requestId,
  client: { sourceIp: request.socket.remoteAddress ?? '', userAgent: request.headers['user-agent'] ?? '' },
});

function answerError(ports: ConsolePorts, to: Exchange, requestId: string, error: unknown): void {
  const refused = error instanceof ServiceError;
  if (!refused) ports.log('page call failed', { requestId, error });
  if (to.response.headersSent || to.response.destroyed) to.response.destroy();
  else if (refused) answerJson(to, ERROR_CATALOGUE[error.code].status, { __type: error.code, message: error.message });
  else answerJson(to, 500, { __type: 'InternalFailure', message: `Internal failure; request id ${requestId}.` });
}
