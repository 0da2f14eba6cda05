import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { LedgerHead } from '../../platform/ledger/entry.ts';
import { readLedger } from '../../platform/ledger/read.ts';
import { verifyLedger } from '../../platform/ledger/verify.ts';
import { getObject } from '../client.ts';
import type { Connection } from '../connection.ts';
import { failed } from '../exit.ts';

/** What the ledger says, after its chain was verified. */
export interface Evidence {
  readonly entries: number;
  readonly head: LedgerHead;
  /** SHA-256 of the pipeline's definition, as recorded when it was created. */
  readonly definition: RecordedDigest;
  /** What jobs wrote: read back, and found to be what the ledger recorded. */
  readonly objects: readonly (RecordedDigest & { readonly uri: string })[];
  /** Entry of the approval. */
  readonly approval?: { readonly entry: number; readonly actor: string };
}

export interface RecordedDigest {
  readonly digest: string;
  readonly entry: number;
}

export async function collectEvidence(connection: Connection): Promise<Evidence> {
  const path = join(connection.folder, 'slipway.db');
  const verdict = verifyLedger(path);
  if (!verdict.ok) throw failed(`The ledger is broken at entry ${verdict.sequence}: ${verdict.problem}`);
  const objects = new Map<string, RecordedDigest & { uri: string }>();
  let definition: RecordedDigest | undefined;
  let approval: Evidence['approval'];
  for (const { sequence: entry, action, actor, changes, resources } of readLedger(path)) {
    const digest = changes?.['digest']?.[1];
    const uri = resources[0]?.replace(/^arn:aws:s3:::/, 's3://') ?? '';
    if (action === 's3:PutObject' && typeof digest === 'string' && actor.includes(':assumed-role/'))
      objects.set(uri, { uri, digest, entry });
    if (action === 'sagemaker:CreatePipeline') definition = { digest: String(changes?.['definitionDigest']?.[1]), entry };
    if (action === 'sagemaker:UpdateModelPackage' && changes?.['ModelApprovalStatus']?.[1] === 'Approved')
      approval = { entry, actor };
  }
  if (!definition) throw failed('The ledger has no entry of the creation of the pipeline.');
  for (const object of objects.values()) await compare(connection, object);
  return { entries: verdict.entries, head: verdict.head, definition, objects: [...objects.values()], approval };
}

async function compare(connection: Connection, { uri, digest, entry }: RecordedDigest & { uri: string }): Promise<void> {
  const content = await getUri(connection, uri);
  const actual = createHash('sha256').update(content).digest('hex');
  if (actual !== digest) throw failed(`${uri} has SHA-256 ${actual}, but entry ${entry} of the ledger says ${digest}.`);
}

export async function getUri(connection: Connection, uri: string): Promise<Buffer> {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  return getObject(connection, bucket, key);
}
