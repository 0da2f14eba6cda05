import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError } from '../../../src/platform/errors/families.ts';

/** Another project's source, as somebody gave it. */
export interface Source {
  readonly folder: string;
  /** `unknown` for a source without git. */
  readonly commit: string;
  /** Of the commit, ISO 8601; `no git` without. */
  readonly committed: string;
  /** Removes what was unpacked. */
  close(): void;
}

/** Opens a checkout, a git directory without one, or an unpacked source; of git always what is committed. Throws ConfigError when `needed` is not there. */
export function openSource(given: string, needed: string, parts: readonly string[]): Source {
  const folder = resolve(given);
  const gitFolder = [join(folder, '.git'), folder].find((path) => existsSync(join(path, 'objects')));
  if (gitFolder === undefined) {
    if (!existsSync(join(folder, needed)))
      throw wrongSource(`${given} is neither a git checkout nor a source that has ${needed}.`);
    return { folder, commit: 'unknown', committed: 'no git', close: () => undefined };
  }
  // what git says beside is shown only when it fails: of a clone that lacks files it complains of those nobody asked for
  const git = (...words: string[]): Buffer =>
    execFileSync('git', [`--git-dir=${gitFolder}`, ...words], { maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] });
  const unpacked = mkdtempSync(join(tmpdir(), 'slipway-source-'));
  const close = () => rmSync(unpacked, { recursive: true, force: true });
  try {
    execFileSync('tar', ['x', '-C', unpacked], { input: git('archive', 'HEAD', ...parts) });
    const [commit = '', committed = ''] = git('log', '-1', '--format=%H %cI').toString().trim().split(' ');
    return { folder: unpacked, commit, committed, close };
  } catch (error) {
    close();
    const said = (error as { stderr?: Buffer }).stderr?.toString().trim() ?? '';
    throw wrongSource(`${given} has no commit with ${parts.join(' and ')}: ${said || (error as Error).message}.`);
  }
}

const wrongSource = (what: string): ConfigError =>
  new ConfigError('--source', `${what} Name a checkout or an unpacked source of the suite: --source DIR.`);
