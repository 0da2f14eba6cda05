import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as nodeModule from 'node:module';
import { extname, join } from 'node:path';
import { answerText, type Exchange, PAGE_HEADERS } from './page-answers.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
};

export interface StaticFiles {
  /** Answers 200 or 404. */
  serve(name: string, to: Exchange): Promise<void>;
}

/** Serves what a flat folder held at the start, by exact name; TypeScript files go out with their types stripped. */
export function createStaticFiles(folder: string): StaticFiles {
  const names = new Set(readdirSync(folder).filter((name) => TYPES[extname(name)]));
  const contents = new Map<string, Buffer>();
  const load = async (name: string): Promise<Buffer> => {
    const content = await readFile(join(folder, name));
    return extname(name) === '.ts' ? Buffer.from(strippedOf(content.toString('utf8'))) : content;
  };
  return {
    async serve(name, to) {
      const type = TYPES[extname(name)];
      if (!type || !names.has(name)) return answerText(to, 404, 'text/plain; charset=utf-8', 'Not found.\n');
      const content = contents.get(name) ?? (await load(name));
      contents.set(name, content);
      to.response.writeHead(200, { ...PAGE_HEADERS, 'content-type': type, 'content-length': content.length });
      to.response.end(to.request.method === 'HEAD' ? undefined : content);
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
