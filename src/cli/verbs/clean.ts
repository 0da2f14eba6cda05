import { AwsError } from '../client.ts';
import { CliExit } from '../exit.ts';
import { table } from '../output.ts';
import { findProject, type Item } from '../project/find-project.ts';
import { type GlobalOptions, openSession } from '../session.ts';

/** `slipway clean PROJECT [--dry-run]`: removes what bears the project's tag. What is live stays and is named; the exit code is 1 then, except of a dry run. */
export async function clean(project: string, options: GlobalOptions & { dryRun?: boolean }): Promise<void> {
  const { connection, output } = await openSession(options);
  const items = await findProject(connection, project);
  const { removed: goes, stays } = options.dryRun ? planned(items) : await removeItems(items);
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
  if (stays.length > 0 && !options.dryRun) throw new CliExit(1, `${stays.length} of ${items.length} stay.`);
}

/** What went, or would; and what stays, with the reason in `kept`. */
interface Outcome {
  readonly removed: readonly Item[];
  readonly stays: readonly Item[];
}

const planned = (items: readonly Item[]): Outcome => ({
  removed: items.filter(({ kept }) => kept === undefined),
  stays: items.filter(({ kept }) => kept !== undefined),
});

/** In their order; what the server refuses to remove stays with its reason, and holds up nothing else. */
export async function removeItems(items: readonly Item[]): Promise<Outcome> {
  const after: Item[] = [];
  for (const item of items) {
    if (item.kept !== undefined) {
      after.push(item);
      continue;
    }
    try {
      await item.remove();
      after.push(item);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      after.push({ ...item, kept: `${error.code}: ${error.message}` });
    }
  }
  return planned(after);
}
