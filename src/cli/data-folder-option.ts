import { resolve } from 'node:path';

/** `--data`, else `$SLIPWAY_DATA`, else `./.slipway`; absolute. */
export function dataFolderOf(option: string | undefined): string {
  return resolve(option ?? process.env.SLIPWAY_DATA ?? '.slipway');
}

/** What a printed hint must add so that it works in the current folder. */
export function dataFlag(folder: string): string {
  return folder === dataFolderOf(undefined) ? '' : ` --data ${shellWord(folder)}`;
}

/** Quotes a word for a POSIX shell where needed. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
