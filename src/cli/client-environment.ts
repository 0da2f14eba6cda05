import { join } from 'node:path';
import type { Connection } from './connection.ts';

/** Variables of a shell that would win over ours. */
export const UNSET = ['AWS_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_SECURITY_TOKEN', 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'];

/** What points unchanged AWS programs at the server, without the keys. */
export function endpointVariables(connection: Connection): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: connection.url,
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: connection.runtimeUrl,
    AWS_DEFAULT_REGION: connection.region,
    AWS_REGION: connection.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    SAGEMAKER_USER_CONFIG_OVERRIDE: join(connection.folder, 'sagemaker.yaml'),
  };
}

/** The same with the key of the data folder's user. */
export function clientVariables(connection: Connection): Record<string, string> {
  return {
    ...endpointVariables(connection),
    AWS_ACCESS_KEY_ID: connection.accessKeyId,
    AWS_SECRET_ACCESS_KEY: connection.secretAccessKey,
  };
}
