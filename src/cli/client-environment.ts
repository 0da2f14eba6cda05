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
    ...gitVariables(connection.url),
  };
}

/** A shell function, since it is asked at each fetch and push; `%s` of a session's password are its secret and token. */
const GIT_HELPER =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$AWS_ACCESS_KEY_ID" ' +
  '"$AWS_SECRET_ACCESS_KEY${AWS_SESSION_TOKEN:+:$AWS_SESSION_TOKEN}"; }; f';

/** Makes git sign in to the server's repositories, and to no other host, with the keys of the environment. */
export const gitVariables = (url: string): Record<string, string> => ({
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: `credential.${url}.helper`,
  GIT_CONFIG_VALUE_0: GIT_HELPER,
});
