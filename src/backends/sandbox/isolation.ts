import { execFile } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../../platform/settings.ts';
import type { ContainerEngine, Isolation } from './plan.ts';

const run = promisify(execFile);
const PROBE = fileURLToPath(new URL('./shim/probe.py', import.meta.url));

/** What this host allows, found by really making a sandbox of each kind. */
export type IsolationFound =
  | { readonly isolation: Isolation; readonly bubblewrap: string; readonly container?: ContainerEngine }
  /** Why none works, and the command that mends it. */
  | { readonly isolation: 'none'; readonly problem: string };

export interface IsolationProbe {
  readonly sandbox: Settings['sandbox'];
  readonly python: string;
  /** A folder for the trial, on the file system that jobs will use. */
  readonly folder: string;
}

/** The best isolation the setting allows: bubblewrap, then `unshare`, then a container engine; plain only when asked for by name. */
export async function findIsolation(probe: IsolationProbe): Promise<IsolationFound> {
  const { sandbox } = probe;
  if (sandbox === 'plain') return { isolation: 'plain', bubblewrap: '' };
  const reasons: string[] = [];
  if (sandbox === 'auto' || sandbox === 'bubblewrap') {
    const bubblewrap = findProgram('bwrap');
    const problem = bubblewrap === undefined ? 'bwrap is not installed' : (await tryOut(probe, 'bubblewrap', bubblewrap)).problem;
    if (bubblewrap !== undefined && problem === undefined) return { isolation: 'bubblewrap', bubblewrap };
    reasons.push(`bubblewrap: ${problem}`);
  }
  if (sandbox === 'auto' || sandbox === 'unshare') {
    const { problem } = await tryOut(probe, 'unshare', '');
    if (problem === undefined) return { isolation: 'unshare', bubblewrap: '' };
    reasons.push(`unshare: ${problem}`);
  }
  if (sandbox === 'auto' || sandbox === 'container') {
    const { problem, told } = await tryOut(probe, 'container', '');
    if (problem === undefined) return { isolation: 'container', bubblewrap: '', container: JSON.parse(told) };
    reasons.push(`container: ${problem}`);
  }
  if (sandbox === 'container') {
    return none(
      `No container engine runs work on this machine (${reasons.join('; ')}). Mend it, or use \`auto\` in slipway.yaml.`,
    );
  }
  return none(`No sandbox can be made on this machine (${reasons.join('; ')}). ${mendingCommand()}`);
}

const none = (problem: string): IsolationFound => ({ isolation: 'none', problem });

/** User namespaces forbidden by the kernel's settings stop both ways; otherwise bubblewrap is what is missing. */
function mendingCommand(): string {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  return (
    `Run \`${sudo}apt-get install -y bubblewrap\`; if it is there, allow user namespaces: ` +
    `\`${sudo}sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000 kernel.apparmor_restrict_unprivileged_userns=0\` ` +
    '(settings this kernel does not know can be left out). Without isolation jobs run only with `sandbox: plain` in slipway.yaml.'
  );
}

/** Makes a sandbox and runs /bin/true in it: no problem when that worked, and what the probe told. */
async function tryOut(
  probe: IsolationProbe,
  isolation: Isolation,
  bubblewrap: string,
): Promise<{ problem?: string; told: string }> {
  const folder = mkdtempSync(join(probe.folder, '.probe-'));
  try {
    const words = ['-I', '-S', '-B', PROBE, isolation, bubblewrap, folder];
    const { stdout } = await run(probe.python, words, { timeout: PROBE_TIMEOUT_MS, cwd: '/' });
    return { told: stdout };
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    return { problem: stderr.trim().split('\n').at(-1) || message, told: '' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const PROBE_TIMEOUT_MS = 20_000;

/** The first program of this name on the server's PATH, with the places a service's short PATH leaves out. */
export function findProgram(name: string, path = process.env.PATH ?? ''): string | undefined {
  for (const folder of [...path.split(delimiter), '/usr/local/bin', '/usr/bin', '/bin']) {
    if (!folder.startsWith('/')) continue;
    const program = join(folder, name);
    try {
      accessSync(program, constants.X_OK);
      return program;
    } catch {}
  }
  return undefined;
}
