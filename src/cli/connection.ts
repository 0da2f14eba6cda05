import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataPaths, readServerRecord, type ServerRecord } from '../platform/data-folder.ts';
import { dataFlag } from './data-folder-option.ts';
import { failed } from './exit.ts';

/** Where the server of a data folder listens and with which key the CLI signs. */
export interface Connection {
  readonly folder: string;
  readonly url: string;
  readonly runtimeUrl: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * The server of this data folder, when it is up. Its record outlives it, and another folder's server may have taken its port
 * since: so the record must be by the process that holds the folder, and that process must answer.
 */
export async function runningServer(folder: string): Promise<ServerRecord | undefined> {
  const record = readServerRecord(folder);
  if (!record || lockHolder(folder) !== record.pid || !isAlive(record.pid)) return undefined;
  try {
    const response = await fetch(new URL('/_slipway/health', record.url), { signal: AbortSignal.timeout(3000) });
    return response.ok ? record : undefined;
  } catch {
    return undefined; // starting, stopping or stuck: it cannot be talked to
  }
}

function lockHolder(folder: string): number | undefined {
  try {
    return Number(readFileSync(dataPaths(folder).lockHolder, 'utf8'));
  } catch {
    return undefined; // nobody holds it
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // alive, but another user's
  }
}

/** The connection to the server of `folder`; exits 1 with how to start it when none listens. */
export async function connect(folder: string, region?: string): Promise<Connection> {
  const record = await runningServer(folder);
  if (!record) {
    throw failed(`slipway: no server is listening for ${folder}. Start one: npx slipway serve${dataFlag(folder)}`);
  }
  const profile = readProfile(folder);
  return {
    folder,
    url: record.url,
    runtimeUrl: new URL(`http://${new URL(record.url).hostname}:${record.runtimePort}`).origin,
    region: region ?? profile.region ?? 'us-east-1',
    accessKeyId: profile.aws_access_key_id ?? '',
    secretAccessKey: profile.aws_secret_access_key ?? '',
  };
}

/** Reads profile `slipway` of DIR/credentials and DIR/config. */
function readProfile(folder: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const file of ['config', 'credentials']) {
    const path = join(folder, file);
    if (!existsSync(path)) throw failed(`slipway: ${path} is missing; restart the server to have it written again.`);
    let inProfile = false;
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const section = /^\s*\[(?:profile\s+)?(.+?)\]\s*$/.exec(line);
      if (section) inProfile = section[1] === 'slipway';
      const pair = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line);
      if (inProfile && pair?.[1]) values[pair[1]] = pair[2] ?? '';
    }
  }
  return values;
}
