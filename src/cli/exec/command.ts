import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { assumeRole } from '../client.ts';
import { clientVariables, endpointVariables, UNSET } from '../client-environment.ts';
import type { Connection } from '../connection.ts';
import { failed } from '../exit.ts';
import { authorityOf, issueFor } from './certificates.ts';
import { startProxy } from './proxy.ts';
import { trustBundles } from './trust.ts';
import { upstreamProxyOf } from './upstream-proxy.ts';

/** Who the command is to AWS: a role, as code in a SageMaker notebook is; undefined: the user of the data folder. */
export type ActAs = { readonly roleArn: string } | undefined;

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const;

/**
 * Runs a command so that all of its AWS calls reach the server, also those to STS that no setting redirects. Resolves with its exit code,
 * 128 + n when signal n ended it, when nothing of it is left.
 */
export async function runCommand(connection: Connection, command: readonly string[], actAs: ActAs): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-exec-'));
  const authority = await authorityOf(connection.folder);
  const token = randomBytes(24).toString('base64url');
  const proxy = await startProxy({
    token,
    server: connection.url,
    upstream: upstreamProxyOf(process.env),
    certificateFor: (host) => issueFor(authority, [host]),
    credentials: () => credentialsOf(connection, actAs),
  });
  try {
    return await spawned(command, {
      ...inherited(process.env, actAs),
      ...(actAs ? endpointVariables(connection) : clientVariables(connection)),
      ...(actAs && roleVariables(folder, proxy.port, token)),
      ...proxyVariables(connection, proxy.port, token),
      ...trustVariables(folder, authority.certificate),
    });
  } finally {
    await proxy.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function inherited(environment: NodeJS.ProcessEnv, actAs: ActAs): NodeJS.ProcessEnv {
  const given = { ...environment };
  for (const name of [...UNSET, ...(actAs ? ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] : [])]) delete given[name];
  return given;
}

/** Files and profiles of the user come before a container's credentials, so they are put out of sight. */
const roleVariables = (folder: string, port: number, token: string): Record<string, string> => ({
  AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/credentials`,
  AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
  AWS_SHARED_CREDENTIALS_FILE: join(folder, 'no-credentials'),
  AWS_CONFIG_FILE: join(folder, 'no-config'),
});

/** Each names a file of its own in `folder`. */
function trustVariables(folder: string, authority: string): Record<string, string> {
  const bundles = Object.entries(trustBundles(process.env, authority)).map(([name, text]) => {
    const path = join(folder, `${name.toLowerCase()}.pem`);
    writeFileSync(path, text, { mode: 0o600 });
    return [name, path] as const;
  });
  return Object.fromEntries(bundles);
}

function proxyVariables(connection: Connection, port: number, token: string): Record<string, string> {
  const proxy = `http://slipway:${token}@127.0.0.1:${port}`;
  const direct = [new URL(connection.url).hostname, '127.0.0.1', 'localhost'];
  const except = [...new Set([...direct, ...(process.env['no_proxy'] ?? process.env['NO_PROXY'] ?? '').split(',')])]
    .filter((host) => host !== '')
    .join(',');
  return { HTTPS_PROXY: proxy, https_proxy: proxy, NO_PROXY: except, no_proxy: except };
}

/** The form of AWS's container credentials, which SDKs ask for again before they expire. */
async function credentialsOf(connection: Connection, actAs: ActAs): Promise<object> {
  if (!actAs) throw failed('slipway exec: this command acts as the user of the data folder, by its key.');
  const session = await assumeRole(connection, actAs.roleArn, 'slipway-exec');
  return {
    RoleArn: actAs.roleArn,
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    Token: session.sessionToken,
    Expiration: session.expiration,
  };
}

function spawned([program = '', ...words]: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(program, words, { env: environment, stdio: 'inherit' });
  // what the terminal sends reaches the command by itself; we only must not go before it
  const pass = SIGNALS.map((signal) => {
    const listener = () => {
      if (signal === 'SIGTERM' || signal === 'SIGHUP') child.kill(signal);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return new Promise<number>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'there is no such program' : error.message;
      reject(failed(`slipway exec: ${program}: ${why}.`));
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  }).finally(() => {
    for (const stop of pass) stop();
  });
}
