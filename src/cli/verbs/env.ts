import { clientVariables, UNSET } from '../client-environment.ts';
import { connect } from '../connection.ts';
import { dataFolderOf, shellWord } from '../data-folder-option.ts';
import { createOutput } from '../output.ts';
import type { GlobalOptions } from '../session.ts';

/** `slipway env`: lines for `eval`, so that unchanged AWS programs talk to this server. */
export async function env(options: GlobalOptions): Promise<void> {
  const variables = clientVariables(await connect(dataFolderOf(options.data), options.region));
  const output = createOutput(options.json ?? false);
  output.line(`unset ${UNSET.join(' ')}`);
  for (const [name, value] of Object.entries(variables)) output.line(`export ${name}=${quoted(value)}`);
  output.result(variables);
}

const quoted = (value: string): string => (shellWord(value).startsWith("'") ? shellWord(value) : `'${value}'`);
