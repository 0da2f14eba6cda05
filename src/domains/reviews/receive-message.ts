import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { isHookSigned } from '../../platform/hook-signature.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { ReviewSettings } from '../../platform/settings.ts';
import { readWebBody } from '../../platform/web-body.ts';
import { type Message, parseMessage } from './decide-message.ts';
import type { ReviewPorts } from './ports.ts';

const REVIEWS_PATH = '/_slipway/hooks/reviews/';
const BODY_BYTES_MAX = 1024 * 1024;
/** How far the tracker's clock and ours may stand apart. */
const CLOCKS_APART_MS = 60_000;

interface ReviewAnswer {
  readonly status: number;
  readonly text: string;
}

/** Where an issue tracker tells of decisions. An address that is not there and a wrong signature look the same from outside. */
export function reviewRoute(ports: ReviewPorts): WebRoute {
  // one at a time: two that both find the version waiting would both decide
  let before: Promise<unknown> = Promise.resolve();
  return {
    path: REVIEWS_PATH,
    async handle(request, response, url) {
      if (request.method !== 'POST') return send(response, { status: 405, text: 'A webhook takes POST.' });
      const body = await readWebBody(request, BODY_BYTES_MAX);
      if (!body) return send(response, { status: 413, text: `A message has at most ${BODY_BYTES_MAX} bytes.` });
      const name = url.pathname.slice(REVIEWS_PATH.length);
      const turn = before.then(() => receiveMessage(ports, name, request.headers, body));
      before = turn.catch(() => {}); // is answered for below; the next has its turn all the same
      send(response, await turn);
    },
  };
}

function send(response: ServerResponse, { status, text }: ReviewAnswer): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

const FORBIDDEN: ReviewAnswer = { status: 403, text: 'Forbidden: no hook of this address takes this message.' };

/** Nothing of a message is read before its signature holds. */
async function receiveMessage(
  ports: ReviewPorts,
  name: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Promise<ReviewAnswer> {
  const review = Object.hasOwn(ports.settings.reviews, name) ? ports.settings.reviews[name] : undefined;
  if (!review || !isHookSigned(headers, body, review.secret)) return FORBIDDEN;
  let payload: unknown;
  try {
    payload = JSON.parse(body.toString('utf8'));
  } catch {
    return { status: 400, text: 'Bad request: the message is no JSON.' };
  }
  const message = parseMessage(payload, review);
  if (message.kind === 'ignored') return { status: 200, text: message.why };
  if (message.kind === 'refused') return { status: 422, text: message.why };
  try {
    return await decide(ports, name, review, message);
  } catch (error) {
    if (error instanceof ServiceError) return { status: error.code === 'AccessDeniedException' ? 403 : 422, text: error.message };
    if (error instanceof BackendError) return { status: 503, text: 'The decision could not be recorded now; send it again.' };
    throw error;
  }
}

/**
 * The registry's one approval, by the role that the settings name. Only what waits is decided, and only by a message of later than it last
 * changed: one that is sent again, or kept back and sent after a later decision, changes nothing, also where the version waits anew.
 */
async function decide(
  { calls, ids, roles, settings }: ReviewPorts,
  name: string,
  { role }: ReviewSettings,
  { packageArn, region, verdict, description, sentAtMs }: Extract<Message, { kind: 'verdict' }>,
): Promise<ReviewAnswer> {
  const roleArn = role.startsWith('arn:') ? role : `arn:aws:iam::${settings.account}:role/${role}`;
  const principal = await roles.assume({
    account: settings.account,
    roleArn,
    service: 'apigateway.amazonaws.com',
    sessionName: `review-${name}`.slice(0, 64),
    onBehalfOf: packageArn,
  });
  const origin = { region, requestId: ids.uuid() };
  const version = await calls.call(principal, origin, 'sagemaker:DescribeModelPackage', { ModelPackageName: packageArn });
  const { ModelApprovalStatus: now, CreationTime, LastModifiedTime: changedAtMs = CreationTime } = version;
  if (now === verdict) return { status: 200, text: `${packageArn} is ${now} already.` };
  if (now !== 'PendingManualApproval') return { status: 409, text: `${packageArn} was decided before: it is ${now}.` };
  if (sentAtMs + CLOCKS_APART_MS < changedAtMs) {
    const text = `${packageArn} was changed after the issue was decided (${new Date(sentAtMs).toISOString()}). Move the issue again to decide anew.`;
    return { status: 409, text };
  }
  await calls.call(principal, origin, 'sagemaker:UpdateModelPackage', {
    ModelPackageArn: packageArn,
    ModelApprovalStatus: verdict,
    ApprovalDescription: description,
  });
  return { status: 200, text: `${packageArn} is ${verdict}.` };
}
