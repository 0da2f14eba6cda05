import { parseS3Uri } from '../../platform/objects/s3-uri.ts';
import { invalid, type Rejection } from '../../platform/errors/rejection.ts';

/** Rules that inputs and outputs of both kinds of job share. Pure. */

/** One input as both kinds describe it. */
export interface ChannelRequest {
  /** For messages, e.g. `channel train`. */
  readonly label: string;
  readonly uri: string;
  /** `ManifestFile`: a JSON list of names below a prefix. `AugmentedManifestFile`: a JSON object a line, some of whose attributes are streamed. */
  readonly dataType: 'S3Prefix' | 'ManifestFile' | 'AugmentedManifestFile';
  /** Each host gets every n-th object instead of all. */
  readonly sharded: boolean;
  /** Absolute directory inside. */
  readonly path: string;
  /** FastFile: nothing is downloaded on AWS, so nothing can be added to the folder, and only a folder can be named. */
  readonly fastFile: boolean;
  /** Pipe mode: no files but named pipes `<path>_<epoch>`. */
  readonly stream?: StreamRequest;
  /** Files of earlier runs: there may be none, and the job may change its copies. */
  readonly checkpoints?: boolean;
}

export interface StreamRequest {
  /** Objects are gzip files and arrive unpacked. */
  readonly decompress: boolean;
  /** Each object (or attribute) arrives as one RecordIO record. */
  readonly wrap: boolean;
  /** Another order in each epoch, by this seed. */
  readonly shuffleSeed?: number;
  /** Of an augmented manifest: the attributes that are streamed, in this order. */
  readonly attributeNames: readonly string[];
}

export function checkS3Uri(label: string, uri: string): Rejection | undefined {
  const location = parseS3Uri(uri);
  if (location && location.bucket !== '') return undefined;
  return invalid(`The S3 URI of ${label} is "${uri}". Write it as s3://bucket/key.`);
}

/** The first value that comes twice. */
export function duplicate(values: readonly string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

/** A folder path inside, without a trailing slash; undefined when it is no plain absolute path. */
export function cleanPath(path: string): string | undefined {
  const clean = path.replace(/\/+$/, '').replace(/\/{2,}/g, '/');
  const parts = clean.split('/').slice(1);
  return clean.startsWith('/') && parts.length > 0 && parts.every((part) => part !== '.' && part !== '..' && !part.includes('\0'))
    ? clean
    : undefined;
}

/**
 * The name below the input's folder of an object that a prefix matched: what follows the prefix where that ends at a folder,
 * the whole name from the prefix's own folder on otherwise (`s3://b/data/tr` matches `data/train.csv`: `train.csv`).
 */
export function relativeName(prefix: string, key: string): string {
  if (key === prefix) return key.slice(key.lastIndexOf('/') + 1);
  const rest = key.slice(prefix.length);
  if (prefix === '' || prefix.endsWith('/')) return rest;
  if (rest.startsWith('/')) return rest.slice(1);
  return key.slice(prefix.lastIndexOf('/') + 1);
}

export type Manifest =
  | { readonly uris: readonly { readonly uri: string; readonly relativePath: string }[] }
  | { readonly problem: string };

/** A manifest file: `[{"prefix": "s3://bucket/some/"}, "name", …]`; without a prefix each name is a whole S3 URI. */
export function parseManifest(text: string, where: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: `The manifest ${where} is not valid JSON.` };
  }
  if (!Array.isArray(value) || value.length === 0) return { problem: `The manifest ${where} is not a JSON list.` };
  const [head, ...rest] = value as unknown[];
  const prefix = typeof head === 'object' && head !== null ? (head as { prefix?: unknown }).prefix : undefined;
  const names = prefix === undefined ? value : rest;
  if (prefix !== undefined && typeof prefix !== 'string')
    return { problem: `The prefix of the manifest ${where} is not a text.` };
  const wrong = names.find((name) => typeof name !== 'string' || name === '');
  if (wrong !== undefined) return { problem: `The manifest ${where} holds ${JSON.stringify(wrong)} where a name belongs.` };
  const base = prefix ?? '';
  return {
    uris: (names as string[]).map((name) => ({
      uri: base + name,
      relativePath: prefix === undefined ? name.replace(/^s3:\/\/[^/]+\//, '') : name.replace(/^\/+/, ''),
    })),
  };
}

/** One attribute of a line: the object it refers to, or its own value as JSON. */
export type ManifestValue = { readonly uri: string } | { readonly text: string };

export type AugmentedManifest = { readonly lines: readonly (readonly ManifestValue[])[] } | { readonly problem: string };

/** JSON lines; attributes whose names end in `-ref` name objects, others stand for themselves. Those not asked for are passed over. */
export function parseAugmentedManifest(text: string, where: string, attributeNames: readonly string[]): AugmentedManifest {
  const lines: ManifestValue[][] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const values = parseManifestLine(line, attributeNames);
    if (typeof values === 'string') return { problem: `Line ${index + 1} of the augmented manifest ${where} ${values}.` };
    lines.push(values);
  }
  return lines.length === 0 ? { problem: `The augmented manifest ${where} has no lines.` } : { lines };
}

function parseManifestLine(line: string, attributeNames: readonly string[]): ManifestValue[] | string {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return 'is not valid JSON';
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'is not a JSON object';
  const values: ManifestValue[] = [];
  for (const name of attributeNames) {
    const value = (record as Record<string, unknown>)[name];
    if (value === undefined) return `has no attribute "${name}"`;
    if (!name.endsWith('-ref')) values.push({ text: typeof value === 'string' ? value : JSON.stringify(value) });
    else if (typeof value === 'string' && parseS3Uri(value)?.key) values.push({ uri: value });
    else return `has ${JSON.stringify(value)} as "${name}", where an S3 URI belongs`;
  }
  return values;
}

/** What host `index` of `count` gets of the objects in their order: every n-th. */
export const shardOf = <T>(items: readonly T[], index: number, count: number): T[] => items.filter((_, n) => n % count === index);
