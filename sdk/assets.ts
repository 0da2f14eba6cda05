import type { Json, JsonObject, PipelineDefinition } from './definition/language.ts';
import { hasMarker, isExpression, toJson, type Value } from './expressions.ts';

/** Something on this machine that a pipeline needs in S3. The SDK reads no file: whoever uploads it knows what is in it. */
export interface Asset {
  id: string;
  /** As the program gave it; relative paths are relative to the program's file. */
  path: string;
  /** `plain`: a file as it is, or every file of a folder. `tar.gz`: an archive of the folder's content, or of the one file. */
  format: 'plain' | 'tar.gz';
  /** Where it goes, with `{id}` in place of the content's digest. Below this prefix if it is a folder. */
  uri: string;
}

export interface CompiledPipeline {
  name: string;
  description?: string;
  /** With the assets' URIs as they stand in `assets`; `placeAssets` makes it ready for CreatePipeline. */
  definition: PipelineDefinition;
  assets: Asset[];
}

/** Collects the assets of one compilation: the same path in the same format is one asset. */
export class AssetList {
  readonly assets: Asset[] = [];
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The URI that stands for the asset; `name` is what the object or prefix is called in S3. */
  add(path: string, format: Asset['format'], name: string): string {
    const known = this.assets.find((asset) => asset.path === path && asset.format === format);
    if (known) return known.uri;
    const id = `asset-${this.assets.length + 1}`;
    const uri = `${this.#prefix}/{${id}}/${name}`;
    this.assets.push({ id, path, format, uri });
    return uri;
  }

  /** An S3 URI or expression as it is; any other string is the path of a file or folder here. */
  locate(source: Value<string>): Json {
    if (isExpression(source) || hasMarker(source) || /^[a-z0-9+]+:\/\//.test(source)) return toJson(source);
    return this.add(source, 'plain', baseName(source));
  }
}

export function baseName(path: string): string {
  return (
    path
      .replace(/[/\\]+$/, '')
      .split(/[/\\]/)
      .at(-1) ?? path
  );
}

/** What has to be in S3, and where, before the definition is used. */
export interface Upload {
  asset: Asset;
  uri: string;
}

/**
 * Puts the digests of the assets' contents (by asset id) into the definition. The same content always goes to the same place, so an
 * upload can be left out when the place is taken, and a running execution never sees changed code.
 */
export function placeAssets(
  compiled: CompiledPipeline,
  digests: Readonly<Record<string, string>>,
): { definition: PipelineDefinition; uploads: Upload[]; missing: Asset[] } {
  const missing = compiled.assets.filter((asset) => digests[asset.id] === undefined);
  const uploads = compiled.assets.flatMap((asset) => {
    const digest = digests[asset.id];
    return digest === undefined ? [] : [{ asset, uri: asset.uri.replace(`{${asset.id}}`, digest) }];
  });
  const definition = replaceUris(compiled.definition as unknown as JsonObject, uploads);
  return { definition: definition as unknown as PipelineDefinition, uploads, missing };
}

function replaceUris(value: Json, uploads: readonly Upload[]): Json {
  if (typeof value === 'string') {
    return uploads.reduce((text, { asset, uri }) => text.replaceAll(asset.uri, uri), value);
  }
  if (Array.isArray(value)) return value.map((item) => replaceUris(item, uploads));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceUris(item, uploads)]));
}
