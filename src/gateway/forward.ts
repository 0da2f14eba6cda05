import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpRequest } from '../platform/node-http.ts';
import { FOREIGN_CONTENT } from './foreign-content.ts';

/** Hands a request to another HTTP server on this machine and streams both ways. */
export type Forward = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * `address` is asked per request, since the router may be restarted elsewhere; undefined = not running. All headers stay as
 * they are, Host included: it is part of what the client signed.
 */
export function createForward(address: () => { host: string; port: number } | undefined): Forward {
  return (request, response) => {
    const to = address();
    if (!to) {
      refuse(response, 'The runtime is not running; try again in a moment.');
      return;
    }
    const headers = request.rawHeaders;
    const upstream = httpRequest({
      ...to,
      method: request.method,
      path: request.url,
      headers: headers as unknown as Record<string, string>,
      setHost: false,
    });
    // the client waits for the word of the one who checks the signature
    let isWaiting = request.headers.expect !== undefined;
    upstream.on('continue', () => {
      isWaiting = false;
      response.writeContinue();
    });
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders, isWaiting ? 'close' : undefined));
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    upstream.on('error', () => {
      if (response.headersSent) response.destroy();
      else refuse(response, 'The runtime does not answer; try again in a moment.');
    });
    response.on('close', () => {
      upstream.destroy();
      request.unpipe(upstream);
      request.resume(); // answered early: a client that hears only when all is sent must be able to send it
    });
    request.on('error', () => upstream.destroy());
    request.pipe(upstream);
  };
}

const NOT_PASSED_ON = ['connection', 'keep-alive', ...Object.keys(FOREIGN_CONTENT)];

/** Headers without those that concern the connection to the router only, and with what a browser has to know of them. */
function endToEnd(rawHeaders: readonly string[], connection: string | undefined): string[] {
  const kept: string[] = connection === undefined ? [] : ['connection', connection];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    if (!NOT_PASSED_ON.includes(name.toLowerCase())) kept.push(name, value);
  }
  return [...kept, ...Object.entries(FOREIGN_CONTENT).flat()];
}

function refuse(response: ServerResponse, message: string): void {
  const body = JSON.stringify({ __type: 'ServiceUnavailable', Message: message });
  const headers = {
    'content-type': 'application/json',
    'x-amzn-errortype': 'ServiceUnavailable',
    'content-length': String(Buffer.byteLength(body)),
  };
  response.writeHead(503, { ...headers, connection: 'close' });
  response.end(body);
}
