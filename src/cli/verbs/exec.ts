import { AwsError, assumeRole, callerIdentity } from '../client.ts';
import { connect } from '../connection.ts';
import { dataFolderOf } from '../data-folder-option.ts';
import { CliExit, failed } from '../exit.ts';
import { runCommand } from '../exec/command.ts';
import type { GlobalOptions } from '../session.ts';

export interface ExecOptions extends GlobalOptions {
  /** Name or ARN. */
  readonly role: string;
  readonly asUser?: boolean;
}

/** `slipway exec -- COMMAND`: the command's exit code is ours. */
export async function exec(command: string[], options: ExecOptions): Promise<void> {
  const connection = await connect(dataFolderOf(options.data), options.region);
  const code = await runCommand(
    connection,
    command,
    options.asUser ? undefined : { roleArn: await roleOf(connection, options.role) },
  );
  if (code !== 0) throw new CliExit(code, '');
}

/** The role's ARN, once it is clear that it can be assumed: afterwards the command would only see that it has no credentials. */
async function roleOf(connection: Parameters<typeof callerIdentity>[0], role: string): Promise<string> {
  const arn = role.startsWith('arn:') ? role : `arn:aws:iam::${(await callerIdentity(connection)).account}:role/${role}`;
  try {
    await assumeRole(connection, arn, 'slipway-exec');
    return arn;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw failed(
      `slipway exec: ${arn} cannot be assumed (${error.code}: ${error.message}). Name another with --role, or run the command with ` +
        'the key of the data folder: --as-user.',
    );
  }
}
