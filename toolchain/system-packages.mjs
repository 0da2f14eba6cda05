// Packages of the operating system: installed by apt as root, otherwise named with the command that installs them.
import { onPath, run } from './processes.mjs';

const NEEDS = {
  bubblewrap: { why: 'isolates jobs (without it Slipway falls back to `unshare`)', present: () => onPath('bwrap').length > 0 },
};

/** Names of Debian packages that are missing. */
export function missingSystemPackages() {
  return process.platform === 'linux' ? Object.keys(NEEDS).filter((name) => !NEEDS[name].present()) : [];
}

export function canInstallSystemPackages() {
  return process.getuid?.() === 0 && onPath('apt-get').length > 0;
}

export function systemDownload(names) {
  return { what: `system package ${names.join(', ')}`, sizeMb: 1, diskMb: 1, from: 'apt', into: 'the system' };
}

/** Says what is missing and how to get it; the set-up goes on without. */
export function explainSystemPackages(names, log) {
  for (const name of names)
    log(`${name} is missing; it ${NEEDS[name]?.why ?? 'is needed'}. To install it: sudo apt-get install ${name}`);
}

/** Installs by apt, refreshing the package lists only when the first try fails. A failure is told, not thrown. */
export async function installSystemPackages(names, log) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], { env });
  try {
    await install().catch(async () => {
      log('refreshing the package lists');
      await run('apt-get', ['update', '-qq'], { env });
      await install();
    });
  } catch (error) {
    log(error.message);
    explainSystemPackages(names, log);
  }
}
