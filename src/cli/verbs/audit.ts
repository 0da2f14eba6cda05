import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { verifyLedger } from '../../platform/ledger/verify.ts';
import { dataFolderOf } from '../data-folder-option.ts';
import { failed, wrongUse } from '../exit.ts';
import { createOutput } from '../output.ts';
import type { GlobalOptions } from '../session.ts';

/**
 * `slipway audit verify`: reads the store file itself, read-only, so that no server has to be believed. Exit 1 names the
 * first entry that does not fit the chain.
 */
export async function auditVerify(options: GlobalOptions): Promise<void> {
  const folder = dataFolderOf(options.data);
  const path = join(folder, 'slipway.db');
  if (!existsSync(path)) throw wrongUse(`slipway: ${folder} holds no ledger (no ${path}). Name the data folder: --data DIR`);
  const output = createOutput(options.json ?? false);
  const verdict = await verifyLedger(path);
  output.result(verdict);
  if (!verdict.ok) throw failed(`slipway: the ledger is broken at entry ${verdict.sequence}: ${verdict.problem}`);
  output.line(`ledger verified: ${verdict.entries} entries, head ${verdict.head.hash}`);
}
