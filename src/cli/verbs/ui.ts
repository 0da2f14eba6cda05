import { presignUrl } from '../../gateway/signature/sign.ts';
import type { Connection } from '../connection.ts';
import { type GlobalOptions, openSession } from '../session.ts';

const LINK_LIFETIME_SECONDS = 300;

/** `slipway ui`: a link that signs one browser in, once, within five minutes. */
export async function ui(options: GlobalOptions): Promise<void> {
  const { connection, output } = await openSession(options);
  const link = uiLink(connection).href;
  output.line(link);
  output.result({ url: link, expiresInSeconds: LINK_LIFETIME_SECONDS });
}

/** A presigned request for a browser session; the server honours its signature once. */
export function uiLink(connection: Connection): URL {
  const url = new URL('/_slipway/ui/session', connection.url);
  url.searchParams.set('nonce', crypto.randomUUID());
  return presignUrl({
    method: 'GET',
    url,
    service: 'slipway',
    region: connection.region,
    expiresSeconds: LINK_LIFETIME_SECONDS,
    credentials: { accessKeyId: connection.accessKeyId, secretAccessKey: connection.secretAccessKey },
    nowMs: Date.now(),
  });
}
