import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROBE = join(import.meta.dirname, '../shim/probe.py');
const MODEST = join(import.meta.dirname, 'containers.conf');

let absent: string | false | undefined;

/**
 * Why no container engine runs work here; false when one does. Tried as the server tries it; on a machine that refuses podman's own
 * defaults once more with modest ones, which this process and what it starts then use.
 */
export function engineAbsence(): string | false {
  absent ??= tryEngines(process.env['CONTAINERS_CONF']) && tryEngines(MODEST);
  return absent;
}

function tryEngines(configuration: string | undefined): string | false {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-engine-'));
  const env = { ...process.env, ...(configuration !== undefined && { CONTAINERS_CONF: configuration }) };
  const tried = spawnSync('python3', ['-I', '-S', '-B', PROBE, 'container', '', folder], {
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  rmSync(folder, { recursive: true, force: true });
  if (tried.status !== 0) return `no container engine runs work here: ${tried.stderr?.trim() || tried.error?.message}`;
  if (configuration !== undefined) process.env['CONTAINERS_CONF'] = configuration;
  return false;
}
