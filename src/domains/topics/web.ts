import type { IncomingMessage, ServerResponse } from 'node:http';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { certificatePath, WEB_PATH } from './links.ts';
import type { TopicsPorts } from './ports.ts';
import { subscriptionArn, type TopicDocument, topicKey } from './resources.ts';
import { confirm, subscriptionOfToken, unsubscribeByLink } from './subscribing.ts';
import { findSubscription, isUnsubscribeSigned, type TopicRow } from './topic-access.ts';

/**
 * Where the links of messages lead; whoever has such a link needs no key. A program that was asked to confirm its URL does so by asking for
 * the link, as at AWS. A mail's link only shows a page: programs that look through mail open every link.
 */
export const createTopicsRoute = (ports: TopicsPorts): WebRoute => ({
  path: WEB_PATH,
  async handle(request, response, url) {
    request.resume();
    const { method = 'GET' } = request;
    if (!['GET', 'HEAD', 'POST'].includes(method)) return page(response, 405, 'Method not allowed', 'Use GET or POST.');
    if (url.pathname === `${WEB_PATH}confirm`) return answerConfirm(ports, request, response, url);
    if (url.pathname === `${WEB_PATH}unsubscribe`) return answerUnsubscribe(ports, request, response, url);
    if (url.pathname.endsWith('.pem') && url.pathname === (await certificatePath(ports.signer))) {
      return send(response, 200, 'application/x-pem-file', await ports.signer.certificate());
    }
    return page(response, 404, 'Not found', 'There is nothing at this address.');
  },
});

async function answerConfirm(ports: TopicsPorts, { method, socket }: IncomingMessage, response: ServerResponse, url: URL) {
  const arnText = url.searchParams.get('TopicArn') ?? '';
  const token = url.searchParams.get('Token') ?? '';
  const arn = parseArn(arnText);
  const topic: TopicRow | undefined =
    arn?.service === 'sns' ? await readRow<TopicDocument>(ports.store, topicKey(arn, arn.resource)) : undefined;
  const row = topic && token !== '' ? await subscriptionOfToken(ports, topic, token) : undefined;
  if (!topic || !row) {
    return page(
      response,
      404,
      'This link confirms nothing',
      'It is not complete, or its two days are over. Subscribe again for a new one.',
    );
  }
  const byMail = row.document.protocol.startsWith('email');
  if (byMail && method !== 'POST' && !row.document.confirmed) {
    return form(
      response,
      'Confirm a subscription',
      `${row.document.endpoint} gets the messages of ${arnText}.`,
      'Confirm subscription',
    );
  }
  if (method === 'HEAD') return page(response, 200, 'Confirm a subscription', 'Ask with GET.');
  await confirm(ports, topic, token, {
    nowMs: ports.clock.now(),
    authenticated: false,
    guarded: false,
    entry: (resources, changes) =>
      ownEntry('topics', topic.key, {
        timeMs: ports.clock.now(),
        action: 'sns:ConfirmSubscription',
        resources,
        changes,
        reason: 'by the link of its confirmation message',
        origin: { sourceIp: socket.remoteAddress ?? '' },
      }),
  });
  const own = subscriptionArn(topic.key, row.document.name);
  if (byMail) return page(response, 200, 'Subscription confirmed', `${row.document.endpoint} gets the messages of ${arnText}.`);
  const xml = `<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ConfirmSubscriptionResult><SubscriptionArn>${own}</SubscriptionArn></ConfirmSubscriptionResult><ResponseMetadata><RequestId>${ports.ids.uuid()}</RequestId></ResponseMetadata></ConfirmSubscriptionResponse>`;
  return send(response, 200, 'text/xml', xml);
}

async function answerUnsubscribe(ports: TopicsPorts, { method, socket }: IncomingMessage, response: ServerResponse, url: URL) {
  const arnText = url.searchParams.get('SubscriptionArn') ?? '';
  const arn = parseArn(arnText);
  if (arn?.service !== 'sns' || !isUnsubscribeSigned(ports.sealingKey, arnText, url.searchParams.get('Seal') ?? '')) {
    return page(response, 404, 'This link ends no subscription', 'It is not complete. Copy the whole link from the message.');
  }
  const row = await findSubscription(ports.store, arn, arn.resource);
  if (!row) return page(response, 200, 'Unsubscribed', 'There is no such subscription any more.');
  if (row.document.guarded) {
    return page(
      response,
      403,
      'Not by a link',
      'This subscription was confirmed so that only its owner ends it, by a signed request.',
    );
  }
  if (method !== 'POST') {
    return form(
      response,
      'Unsubscribe',
      `${row.document.endpoint} gets no more messages of ${row.document.topic}.`,
      'Unsubscribe',
    );
  }
  await unsubscribeByLink(ports, arn.resource, arn, (resource) =>
    ownEntry('topics', arn, {
      timeMs: ports.clock.now(),
      action: 'sns:Unsubscribe',
      resources: [resource],
      changes: { Endpoint: [row.document.endpoint, null] },
      reason: 'by the link of a message',
      origin: { sourceIp: socket.remoteAddress ?? '' },
    }),
  );
  return page(response, 200, 'Unsubscribed', `${row.document.endpoint} gets no more messages of ${row.document.topic}.`);
}

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

const page = (response: ServerResponse, status: number, title: string, text: string, more = ''): void =>
  send(
    response,
    status,
    'text/html; charset=utf-8',
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>${more}</html>\n`,
  );

/** The form posts to the address of the page itself, which holds the token. */
const form = (response: ServerResponse, title: string, text: string, button: string): void =>
  page(response, 200, title, text, `<form method="post"><button type="submit">${escapeHtml(button)}</button></form>`);

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'content-security-policy': "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
