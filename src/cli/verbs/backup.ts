import { resolve } from 'node:path';
import type { BackupManifest } from '../../platform/backup/manifest.ts';
import { makeBackup, previousProblem, targetProblem } from '../../platform/backup/make-backup.ts';
import { checkBackup, restoreBackup, restoreTargetProblem } from '../../platform/backup/restore-backup.ts';
import { systemClock } from '../../platform/clock.ts';
import { dataFlag, dataFolderOf, shellWord } from '../data-folder-option.ts';
import { failed, wrongUse } from '../exit.ts';
import { createOutput } from '../output.ts';
import type { GlobalOptions } from '../session.ts';

/** `slipway backup DIR`: reads the data folder itself, so it needs no server, nor one that answers. */
export async function backup(dir: string, options: GlobalOptions & { readonly previous?: string }): Promise<void> {
  const folder = dataFolderOf(options.data);
  const target = resolve(dir);
  const previous = options.previous === undefined ? undefined : resolve(options.previous);
  const problem = targetProblem(folder, target) ?? (previous && previousProblem(previous));
  if (problem !== undefined) throw wrongUse(`slipway: ${problem}.`);
  const output = createOutput(options.json ?? false);
  const work = makeBackup({ folder, target, ...(previous !== undefined && { previous }), nowMs });
  const manifest = await unlessDisk(`the backup in ${target} is not finished`, work);
  output.line(`backup of ${folder} in ${target}`);
  for (const line of linesOf(manifest)) output.line(`  ${line}`);
  output.line('  its keys/ open every secret in it: whoever reads the folder (mode 700) can be anyone here');
  output.line(`  restore: npx slipway restore ${shellWord(target)} --data NEW`);
  output.result({ folder: target, ...manifest });
  const { missing } = manifest.contents;
  if (missing.length > 0)
    throw failed(
      `slipway: the data folder is damaged: it lacks ${missing.length} content(s) that rows name (${missing.slice(0, 3).join(', ')}…). The backup has everything else.`,
    );
}

/** `slipway restore DIR [--data NEW]`, or `--check`: is the backup whole? */
export async function restore(dir: string, options: GlobalOptions & { readonly check?: boolean }): Promise<void> {
  const source = resolve(dir);
  const target = dataFolderOf(options.data);
  const output = createOutput(options.json ?? false);
  const problem = options.check ? undefined : restoreTargetProblem(target);
  if (problem !== undefined) throw wrongUse(`slipway: ${problem}. Name a folder to be made: --data NEW`);
  const checked = await unlessDisk(
    `${source} could not be ${options.check ? 'read' : 'restored'}`,
    options.check ? checkBackup(source) : restoreBackup({ backup: source, target, nowMs }),
  );
  if ('problem' in checked) throw failed(`slipway: ${source} is not restored: ${checked.problem}.`);
  const { manifest } = checked;
  output.line(options.check ? `${source} is whole` : `${source} restored as ${target}`);
  for (const line of linesOf(manifest)) output.line(`  ${line}`);
  if (!options.check && manifest.works.length > 0)
    output.line(`  ${manifest.works.length} piece(s) of work ran then: jobs are lost, endpoints and functions come back`);
  if (!options.check) output.line(`  start it: npx slipway serve${dataFlag(target)}`);
  output.result({ folder: options.check ? source : target, ...manifest });
}

const nowMs = (): number => systemClock.now();

function linesOf({ madeAtMs, contents, files, ledger }: BackupManifest): string[] {
  const bytes = contents.sizeBytes + files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return [
    `made ${new Date(madeAtMs).toISOString()}: ${contents.count} contents and ${files.length} files, ${Math.ceil(bytes / 1024 ** 2)} MiB`,
    `ledger verified: ${ledger.sequence} entries, head ${ledger.hash}`,
  ];
}

/** The disk's own words, with what they mean here. */
async function unlessDisk<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    throw failed(`slipway: ${what}: ${error.message}. Nothing was changed in the data folder.`);
  }
}
