/**
 * The writer's thread: owns the only writing connection. The main thread keeps the queue and sends it whatever has gathered
 * while the batch before was being written; the answer goes back after the fsync.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { LedgerHead } from '../../ledger/entry.ts';
import { openHeadMark } from '../../ledger/head-mark.ts';
import { createBatchWriter } from './apply-batch.ts';
import type { EncodedCommit, Outcome } from './encoded-commit.ts';
import { openConnection } from './open-connection.ts';

export type WriterRequest =
  | { readonly commits: readonly EncodedCommit[] }
  | { readonly pruneBeforeMs: number; readonly limit: number }
  | { readonly close: true };

export type WriterAnswer =
  | { readonly outcomes: readonly Outcome[] }
  /** The transaction as a whole failed: nothing of it is there. */
  | { readonly failure: string }
  | { readonly pruned: number };

const { path } = workerData as { path: string };
const db = openConnection(path, 'write');
const mark = openHeadMark(path);
const writer = createBatchWriter(db, writeMark);

/** The commit is durable and stays so: without room for its mark that one only tells less. */
function writeMark(head: LedgerHead): void {
  try {
    mark.write(head);
  } catch (error) {
    process.stderr.write(`${JSON.stringify({ level: 40, msg: `The mark of the ledger was not written: ${String(error)}` })}\n`);
  }
}

function answer(request: WriterRequest): WriterAnswer | undefined {
  try {
    if ('commits' in request) return { outcomes: writer.apply(request.commits) };
    if ('pruneBeforeMs' in request) return { pruned: writer.pruneEvents(request.pruneBeforeMs, request.limit) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
  db.close();
  mark.close();
  parentPort?.close();
  return undefined;
}

parentPort?.on('message', (request: WriterRequest) => {
  const reply = answer(request);
  if (reply) parentPort?.postMessage(reply);
});
