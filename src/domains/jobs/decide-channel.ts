import { parseS3Uri } from '../../platform/objects/s3-uri.ts';
import { invalid, type Rejection } from '../../platform/errors/rejection.ts';

/** Rules that inputs and outputs of both kinds of job share. Pure. */

/** One input as both kinds describe it. */
export interface ChannelRequest {
  /** For messages, e.g. `channel train`. */
  readonly label: string;
  readonly uri: string;
  /** `S3Prefix`, or `ManifestFile`: a JSON list of names below a prefix. */
  readonly dataType: 'S3Prefix' | 'ManifestFile';
  /** Absolute directory inside. */
  readonly path: string;
  /** FastFile: nothing is downloaded on AWS, so nothing can be added to the folder, and only a folder can be named. */
  readonly fastFile: boolean;
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
