import { createHash } from 'node:crypto';
import { CACHE_KEY_TAG, canonicalText, contentText, contentUrisOf, type JsonObject, withContent } from '@slipway/sdk/definition';
import { callJson, listObjects } from '../client.ts';
import type { Connection } from '../connection.ts';

/** The digest of a step's key in content mode, of the objects as they are now; or the manifest that keeps it from being told. */
export async function contentKeyOf(
  connection: Connection,
  request: JsonObject,
): Promise<{ readonly digest: string; readonly uris: readonly string[] } | { readonly manifest: string }> {
  const { uris, manifest } = contentUrisOf(request);
  if (manifest !== undefined) return { manifest };
  const digests = new Map<string, string>();
  for (const uri of uris) {
    const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(uri) ?? [];
    digests.set(uri, sha256(contentText(prefix, await listObjects(connection, bucket, prefix))));
  }
  return { digest: sha256(canonicalText(withContent(request, digests))), uris };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Under which key a job's step was kept in content mode; undefined for jobs of other runs. */
export async function keyTagOf(connection: Connection, jobArn: string | undefined): Promise<string | undefined> {
  if (jobArn === undefined) return undefined;
  return tagOf(connection, jobArn, CACHE_KEY_TAG);
}

export async function tagOf(connection: Connection, ResourceArn: string, key: string): Promise<string | undefined> {
  let NextToken: string | undefined;
  do {
    const page = await callJson(connection, 'sagemaker:ListTags', { ResourceArn, NextToken });
    const found = page.Tags?.find(({ Key }) => Key === key);
    if (found) return found.Value;
    NextToken = page.NextToken;
  } while (NextToken);
  return undefined;
}
