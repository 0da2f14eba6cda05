import { CliExit } from '../exit.ts';
import { table } from '../output.ts';
import { findProject, type Item } from '../project/find-project.ts';
import { type GlobalOptions, openSession } from '../session.ts';

/** `slipway clean PROJECT [--dry-run]`: removes what bears the project's tag. What is live stays and is named; the exit code is 1 then, except of a dry run. */
export async function clean(project: string, options: GlobalOptions & { dryRun?: boolean }): Promise<void> {
  const { connection, output } = await openSession(options);
  const items = await findProject(connection, project);
  const goes = items.filter(({ kept }) => kept === undefined);
  const stays = items.filter(({ kept }) => kept !== undefined);
  if (!options.dryRun) for (const item of goes) await item.remove();
  const shown = (list: readonly Item[]) =>
    list.map(({ kind, name, kept }) => ({ kind, name, ...(kept !== undefined && { kept }) }));
  output.result({ project, dryRun: options.dryRun ?? false, removed: shown(goes), kept: shown(stays) });
  const word = options.dryRun ? 'would remove' : 'removed';
  if (items.length === 0) output.line(`Nothing on this server is tagged slipway:project=${project}.`);
  else
    output.line(
      table([
        ...goes.map(({ kind, name }) => [word, kind, name]),
        ...stays.map(({ kind, name, kept = '' }) => ['stays', kind, name, kept]),
      ]),
    );
  if (goes.length > 0) output.line('The repository and its commits stay: aws codecommit delete-repository removes them.');
  if (stays.length > 0 && !options.dryRun) throw new CliExit(1, `${stays.length} of ${items.length} are live and stay.`);
}
