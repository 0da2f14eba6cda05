import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findRuntime } from '../../toolchain/python.mjs';

// The program by which the server finds out what isolation this host allows; asked directly, so that both say the same.
const PROBE = resolve(import.meta.dirname, '../backends/sandbox/shim/probe.py');
const TRIAL_TIMEOUT_MS = 20_000;

/** Really makes a sandbox of this kind; undefined when that worked, else why not. */
export function tryIsolation(kind: 'bubblewrap' | 'unshare' | 'container'): string | undefined {
  const bubblewrap = kind === 'bubblewrap' ? findBubblewrap() : '';
  if (bubblewrap === undefined) return 'not installed';
  const folder = mkdtempSync(join(tmpdir(), 'slipway-probe-'));
  try {
    const python = findRuntime('ml')?.ready.interpreter ?? 'python3';
    const tried = spawnSync(python, ['-I', '-S', '-B', PROBE, kind, bubblewrap, folder], {
      timeout: TRIAL_TIMEOUT_MS,
      encoding: 'utf8',
      cwd: '/',
    });
    if (tried.status === 0) return undefined;
    return tried.error?.message ?? (tried.stderr.trim().split('\n').at(-1) || `exit code ${tried.status}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function findBubblewrap(): string | undefined {
  const found = spawnSync('sh', ['-c', 'command -v bwrap'], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : undefined;
}
