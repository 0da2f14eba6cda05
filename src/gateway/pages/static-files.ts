import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import * as nodeModule from 'node:module';
import { extname, join } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.ts': 'text/javascript; charset=utf-8',
};

/** Nothing from elsewhere, nothing inline, no framing: what a page that shows logs of user code needs. */
export const PAGE_HEADERS: Record<string, string> = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};

/** Serves the flat folder of the console; TypeScript files go out with their types stripped, once per start. */
export function createStaticFiles(folder: string) {
  const cache = new Map<string, Promise<Buffer | undefined>>();
  const load = async (name: string): Promise<Buffer | undefined> => {
    const content = await readFile(join(folder, name)).catch(() => undefined);
    return content && extname(name) === '.ts' ? Buffer.from(strippedOf(content.toString('utf8'))) : content;
  };
  return {
    /** Answers 200 or 404; `name` is a single path segment. */
    async serve(name: string, response: ServerResponse): Promise<void> {
      const type = TYPES[extname(name)];
      const known = type && /^[a-z0-9-]+\.(html|css|svg|ts)$/.test(name);
      if (known && !cache.has(name)) cache.set(name, load(name));
      const content = known ? await cache.get(name) : undefined;
      if (!content || !type) {
        response.writeHead(404, { ...PAGE_HEADERS, 'content-type': 'text/plain' }).end('not found\n');
        return;
      }
      response.writeHead(200, { ...PAGE_HEADERS, 'content-type': type, 'content-length': content.length }).end(content);
    },
  };
}

/** Node strips types from our own source by the same function; only its "experimental" warning is kept off the log. */
function strippedOf(source: string): string {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return nodeModule.stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
