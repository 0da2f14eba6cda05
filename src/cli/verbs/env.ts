import { join } from 'node:path';
import { connect } from '../connection.ts';
import { dataFolderOf, shellWord } from '../data-folder-option.ts';
import { createOutput } from '../output.ts';
import type { GlobalOptions } from '../session.ts';

/** Variables of the caller's shell that would win over ours. */
const UNSET = ['AWS_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_SECURITY_TOKEN', 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'];

/** `slipway env`: lines for `eval`, so that unchanged AWS programs talk to this server. */
export async function env(options: GlobalOptions): Promise<void> {
  const connection = await connect(dataFolderOf(options.data), options.region);
  const variables: Record<string, string> = {
    AWS_ENDPOINT_URL: connection.url,
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: connection.runtimeUrl,
    AWS_ACCESS_KEY_ID: connection.accessKeyId,
    AWS_SECRET_ACCESS_KEY: connection.secretAccessKey,
    AWS_DEFAULT_REGION: connection.region,
    AWS_REGION: connection.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    SAGEMAKER_USER_CONFIG_OVERRIDE: join(connection.folder, 'sagemaker.yaml'),
  };
  const output = createOutput(options.json ?? false);
  output.line(`unset ${UNSET.join(' ')}`);
  for (const [name, value] of Object.entries(variables)) output.line(`export ${name}=${quoted(value)}`);
  output.result(variables);
}

const quoted = (value: string): string => (shellWord(value).startsWith("'") ? shellWord(value) : `'${value}'`);
