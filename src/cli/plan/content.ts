import { createHash } from 'node:crypto';
import {
  CACHE_KEY_TAG,
  canonicalText,
  contentText,
  contentUrisOf,
  isJsonObject,
  type Json,
  type JsonObject,
  withContent,
} from '@slipway/sdk/definition';
import { AwsError, callJson, listObjects } from '../client.ts';
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

/** Under which key a job's step was kept in content mode; undefined for jobs of other runs, and for what is no job. */
export async function keyTagOf(connection: Connection, jobArn: string | undefined): Promise<string | undefined> {
  return jobArn?.startsWith('arn:aws:sagemaker:') ? tagOf(connection, jobArn, CACHE_KEY_TAG) : undefined;
}

/** The tag's value; undefined when the resource has no such tag, or is not there. */
export async function tagOf(connection: Connection, resourceArn: string, key: string): Promise<string | undefined> {
  try {
    return await findTag(connection, resourceArn, key);
  } catch (error) {
    if (error instanceof AwsError && error.status === 400) return undefined;
    throw error;
  }
}

async function findTag(connection: Connection, ResourceArn: string, key: string): Promise<string | undefined> {
  let NextToken: string | undefined;
  do {
    const page = await callJson(connection, 'sagemaker:ListTags', { ResourceArn, NextToken });
    const found = page.Tags?.find(({ Key }) => Key === key);
    if (found) return found.Value;
    NextToken = page.NextToken;
  } while (NextToken);
  return undefined;
}

/** Places in S3 that a job said it wrote to and where nothing lies any more. A hit takes its result all the same, as on AWS. */
export async function goneOutputs(connection: Connection, document: JsonObject | undefined): Promise<string[]> {
  const gone: string[] = [];
  for (const uri of outputUris(document)) {
    const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri) ?? [];
    try {
      if ((await listObjects(connection, bucket, prefix, 1)).length === 0) gone.push(uri);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      gone.push(uri);
    }
  }
  return gone;
}

function outputUris(document: JsonObject | undefined): string[] {
  const outputs = memberOf(document, 'ProcessingOutputConfig', 'Outputs');
  const uris = [
    ...(Array.isArray(outputs) ? outputs.map((output) => memberOf(output, 'S3Output', 'S3Uri')) : []),
    memberOf(document, 'ModelArtifacts', 'S3ModelArtifacts'),
    memberOf(document, 'TransformOutput', 'S3OutputPath'),
  ];
  return uris.filter((uri): uri is string => typeof uri === 'string' && uri.startsWith('s3://'));
}

function memberOf(value: Json | undefined, ...names: readonly string[]): Json | undefined {
  let at = value;
  for (const name of names) at = isJsonObject(at) ? at[name] : undefined;
  return at;
}
