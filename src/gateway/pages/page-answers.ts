import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasLongRest } from '../respond.ts';

/** Where the page lives. */
export const ROOT = '/_slipway/ui';

/** Nothing from elsewhere, nothing inline, no framing, no markup made of strings: what a page that shows logs of user code needs. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};

/** One request under the page's root and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export function answerJson(to: Exchange, status: number, value: unknown): void {
  answerText(to, status, 'application/json', JSON.stringify(value));
}

/** Also ends the connection when more of the request's body is to come than is worth reading away. */
export function answerText(
  { request, response }: Exchange,
  status: number,
  contentType: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const all = { ...PAGE_HEADERS, 'content-type': contentType, ...headers };
  response.writeHead(status, hasLongRest(request) ? { ...all, connection: 'close' } : all);
  response.end(request.method === 'HEAD' ? undefined : text);
  request.resume();
}

interface Notice {
  readonly title: string;
  readonly message: string;
  readonly command?: string;
  readonly link?: Link;
  /** A file of the console to run on it. */
  readonly script?: string;
}

/** A whole page for a person who opened an address; `message` and `link` are our own words, never a client's. */
export function answerNotice(to: Exchange, status: number, notice: Notice, headers: Readonly<Record<string, string>> = {}): void {
  const { title, message, command, link, script } = notice;
  const parts = [
    `<h1>${escapeMarkup(title)}</h1>`,
    `<p>${escapeMarkup(message)}</p>`,
    command ? `<pre class="plain">${escapeMarkup(command)}</pre>` : '',
    link ? `<p><a class="do" href="${escapeMarkup(link.href)}">${escapeMarkup(link.text)}</a></p>` : '',
  ];
  const head = script ? `<script type="module" src="${ROOT}/${script}"></script>` : '';
  const document = documentOf(title, `<main class="notice">${parts.join('')}</main>`, head);
  answerText(to, status, 'text/html; charset=utf-8', document, headers);
}

interface Link {
  readonly href: string;
  readonly text: string;
}

/** A document in the page's looks; `head` may add to it. */
export const documentOf = (title: string, body: string, head = ''): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
  `<title>${escapeMarkup(title)} – Slipway</title><link rel="icon" href="${ROOT}/icon.svg">` +
  `<link rel="stylesheet" href="${ROOT}/style.css">${head}</head><body>${body}</body></html>`;

const escapeMarkup = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
