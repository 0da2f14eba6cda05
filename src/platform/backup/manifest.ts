import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { MANIFEST_FILE } from '../data-folder.ts';

/** Backups of a later form are refused: what they hold besides would be lost. */
const FORM = 1;

const file = z.strictObject({
  /** Inside the folder. */
  path: z.string(),
  sizeBytes: z.number().int().min(0),
  sha256: z.string(),
});

const grammar = z.strictObject({
  form: z.number(),
  madeAtMs: z.number().int(),
  /** Of the database. */
  schema: z.number().int(),
  /** The last entry of the ledger. */
  ledger: z.strictObject({ sequence: z.number().int(), hash: z.string() }),
  /** Database, settings, keys and logs. Contents of objects are named by their digest and need no entry. */
  files: z.array(file),
  contents: z.strictObject({
    count: z.number().int(),
    sizeBytes: z.number().int(),
    /** Named by rows, and not in the data folder when the backup was made. */
    missing: z.array(z.string()),
  }),
  /** Work that had begun: it is not in the backup, and is lost where the backup is restored. */
  works: z.array(z.string()),
});

export type BackupManifest = z.infer<typeof grammar>;
export type BackedUpFile = z.infer<typeof file>;

export const manifestText = (manifest: Omit<BackupManifest, 'form'>): string =>
  `${JSON.stringify({ form: FORM, ...manifest }, undefined, 2)}\n`;

/** The manifest of a whole backup, or what is wrong with it. */
export function readManifest(folder: string): BackupManifest | { readonly problem: string } {
  let text: string;
  try {
    text = readFileSync(join(folder, MANIFEST_FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { problem: `it is no whole backup: there is no ${MANIFEST_FILE}, which is written last` };
  }
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return { problem: `${MANIFEST_FILE} is not JSON` };
  }
  const form = (found as { form?: unknown } | null)?.form;
  if (typeof form === 'number' && form > FORM) return { problem: `it was made by a newer version of Slipway (form ${form})` };
  const parsed = grammar.safeParse(found);
  return parsed.success ? parsed.data : { problem: `${MANIFEST_FILE} is not as a backup writes it` };
}
