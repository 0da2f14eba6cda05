import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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

export interface ServerRecord {
  readonly pid: number;
  readonly routerPid: number;
  readonly port: number;
  readonly runtimePort: number;
  readonly url: string;
}

export function readServerRecord(folder: string): ServerRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as ServerRecord;
  } catch {
    return undefined; // absent or half a file: no server has finished starting here
  }
}

/** True when something answers `health` at the recorded address. */
export async function isListening(record: ServerRecord): Promise<boolean> {
  try {
    const response = await fetch(new URL('/_slipway/health', record.url), { signal: AbortSignal.timeout(3000) });
    return response.ok;
  } catch {
    return false;
  }
}

/** The connection to the server of `folder`; exits 1 with how to start it when none listens. */
export async function connect(folder: string, region?: string): Promise<Connection> {
  const record = readServerRecord(folder);
  if (!record || !(await isListening(record))) {
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
