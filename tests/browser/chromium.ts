import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';
const INSTALL = 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium';
const INSTALL_TIMEOUT_MS = 300_000;

/** Chromium of the distribution: installed by apt when we are root; else, where it cannot be had, why. */
export function findChromium(): { readonly path: string } | { readonly absent: string } {
  if (existsSync(EXECUTABLE)) return { path: EXECUTABLE };
  if (process.getuid?.() !== 0)
    return { absent: `${EXECUTABLE} is not there, and only root can install it: apt-get install chromium` };
  process.stderr.write('Chromium is not there: installing it by apt-get, about 200 MB, 720 MB on disk\n');
  spawnSync('sh', ['-c', INSTALL], { stdio: ['ignore', 'ignore', 'inherit'], timeout: INSTALL_TIMEOUT_MS });
  return existsSync(EXECUTABLE)
    ? { path: EXECUTABLE }
    : { absent: `${EXECUTABLE} is not there, and apt-get could not install it` };
}

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox', // Chromium's own does not start as root
      '--disable-dev-shm-usage',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
