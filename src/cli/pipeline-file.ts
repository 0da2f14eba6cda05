import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { type Asset, type CompiledPipeline, placeAssets } from '@slipway/sdk';
import { failed, wrongUse } from './exit.ts';

/** A pipeline ready for CreatePipeline, and what must be in S3 before it is used. */
export interface LoadedPipeline {
  readonly name: string;
  readonly description?: string;
  readonly definition: string;
  readonly uploads: readonly { readonly uri: string; readonly content: Buffer }[];
}

export interface CompileTarget {
  readonly region: string;
  readonly bucket: string;
  readonly role: string;
}

/** Loads a definition (JSON) or a TypeScript program that exports `pipeline` or `getPipeline()`. */
export async function loadPipeline(file: string, name: string | undefined, target: CompileTarget): Promise<LoadedPipeline> {
  const path = resolve(file);
  if (!existsSync(path)) throw wrongUse(`${file}: there is no such file.`);
  const kind = extname(path);
  if (kind === '.json') {
    return { name: name ?? basename(path, '.json'), definition: readFileSync(path, 'utf8'), uploads: [] };
  }
  if (['.ts', '.mts', '.js', '.mjs'].includes(kind)) return loadProgram(path, name, target);
  throw wrongUse(
    `${file}: expected a definition (.json) or a TypeScript program (.ts). Python programs run as they are, with ` +
      'the environment of: eval "$(npx slipway env)"',
  );
}

/** Whether a word names a file. A pipeline's name has no dot and no slash; a folder that happens to be called like it is not meant. */
export function namesFile(target: string): boolean {
  if (extname(target) !== '' || target.includes('/')) return true;
  return statSync(target, { throwIfNoEntry: false })?.isFile() ?? false;
}

interface Compilable {
  compile(target: CompileTarget): CompiledPipeline;
}

async function loadProgram(path: string, name: string | undefined, target: CompileTarget): Promise<LoadedPipeline> {
  const pipeline = await compilableOf(path);
  const compiled = await blame(path, () => pipeline.compile(target));
  const contents = new Map<string, Map<string, Buffer>>();
  const digests: Record<string, string> = {};
  for (const asset of compiled.assets) {
    const files = await contentOf(asset, dirname(path));
    contents.set(asset.id, files);
    digests[asset.id] = digestOf(files);
  }
  const { definition, uploads } = placeAssets(compiled, digests);
  return {
    name: name ?? compiled.name,
    description: compiled.description,
    definition: JSON.stringify(definition),
    uploads: uploads.flatMap(({ asset, uri }) =>
      [...(contents.get(asset.id) ?? [])].map(([below, content]) => ({ uri: below ? `${uri}/${below}` : uri, content })),
    ),
  };
}

async function compilableOf(path: string): Promise<Compilable> {
  provideSdk();
  const found = await blame(path, async () => {
    const program = (await import(pathToFileURL(path).href)) as {
      pipeline?: Compilable;
      getPipeline?: () => Compilable | Promise<Compilable>;
    };
    return program.pipeline ?? (await program.getPipeline?.());
  });
  if (typeof found?.compile !== 'function') {
    throw wrongUse(`${path}: export the pipeline: \`export const pipeline = new Pipeline(…)\`, or a function \`getPipeline\`.`);
  }
  return found;
}

/** A program that lies outside of any project finds our SDK all the same; one that has its own keeps that. */
function provideSdk(): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (!/^@slipway\/sdk(\/|$)/.test(specifier)) return next(specifier, context);
      try {
        return next(specifier, context);
      } catch {
        return next(specifier, { ...context, parentURL: import.meta.url }); // not installed there: as if we had asked
      }
    },
  });
}

/** What the program throws is its author's to read: the message, and where in which file. */
async function blame<T>(path: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const stack = (error instanceof Error ? error.stack : undefined) ?? String(error);
    const lines = stack
      .split('\n')
      .filter((line) => !/^\s+at .*(node:internal|\/src\/cli\/|\/node_modules\/commander\/)/.test(line));
    throw failed(`${path}: the program failed.\n${lines.join('\n')}`);
  }
}

/** What an asset uploads, by path below its URI; '' is the URI itself. */
async function contentOf(asset: Asset, folder: string): Promise<Map<string, Buffer>> {
  const path = isAbsolute(asset.path) ? asset.path : join(folder, asset.path);
  if (!existsSync(path)) throw wrongUse(`${asset.path}: the pipeline needs this file or folder, but it is not there (${path}).`);
  if (asset.format === 'tar.gz') return new Map([['', await archiveOf(path)]]);
  if (statSync(path).isFile()) return new Map([['', readFileSync(path)]]);
  return new Map(filesBelow(path).map((file) => [relative(path, file), readFileSync(file)]));
}

/** Regular files below a folder in a stable order; byte-code and dot folders are left out. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .filter((entry) => entry.name !== '__pycache__' && !entry.name.startsWith('.'))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
    });
}

/** A reproducible archive: the same content always gives the same bytes, so unchanged code keeps its place in S3. */
async function archiveOf(path: string): Promise<Buffer> {
  const archive = pack();
  const isFile = statSync(path).isFile();
  for (const file of isFile ? [path] : filesBelow(path)) {
    const name = isFile ? basename(file) : relative(path, file);
    archive.entry({ name, mtime: new Date(0), mode: 0o644, uid: 0, gid: 0 }, readFileSync(file));
  }
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive.pipe(createGzip({ level: 6 }))) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function digestOf(files: ReadonlyMap<string, Buffer>): string {
  const hash = createHash('sha256');
  for (const [path, content] of files) hash.update(`${path}\0${content.length}\0`).update(content);
  return hash.digest('hex').slice(0, 32);
}
