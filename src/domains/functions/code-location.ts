import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { openToken, signToken } from '../../platform/authorization/signed-and-sealed.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { FunctionsPorts } from './ports.ts';

/** Where GetFunction says a function's code can be fetched: an address that is its own proof, good for ten minutes as on AWS. */

const PATH = '/_slipway/functions/code/';
const LIFETIME_MS = 10 * 60_000;
const TOKEN_PURPOSE = 'function-code';

interface Grant {
  readonly name: string;
  readonly digest: string;
  readonly untilMs: number;
}

export function codeLocation(ports: FunctionsPorts, context: OperationContext, name: string, digest: string): string {
  const grant: Grant = { name, digest, untilMs: context.nowMs + LIFETIME_MS };
  return `${ports.serverUrl()}${PATH}${signToken(ports.sealingKey, TOKEN_PURPOSE, grant)}`;
}

export const codeRoute = (ports: Pick<FunctionsPorts, 'sealingKey' | 'blobs' | 'clock'>): WebRoute => ({
  path: PATH,
  async handle(request, response, url) {
    if (request.method !== 'GET') return refuse(response, 405, 'Use GET.');
    const grant = openToken<Grant>(ports.sealingKey, TOKEN_PURPOSE, url.pathname.slice(PATH.length));
    if (!grant) return refuse(response, 403, 'This address was not given out by this server.');
    if (grant.untilMs < ports.clock.now()) return refuse(response, 403, 'Request has expired: call GetFunction again.');
    if (!(await ports.blobs.keep(grant.digest))) return refuse(response, 404, 'The code is not there any more.');
    response.writeHead(200, {
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="${grant.name}.zip"`,
      'cache-control': 'no-store',
    });
    await pipeline(ports.blobs.open(grant.digest), response);
  },
});

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(text);
}
