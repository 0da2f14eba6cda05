// Packages of the operating system: installed by apt as root, otherwise named with the command that installs them.
import { existsSync, readdirSync } from 'node:fs';
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

/** What apt would fetch. A fresh image comes without package lists; they are most of it. */
export function systemDownload(names) {
  const bare = !packageListsArePresent();
  const what = `system package ${names.join(', ')}${bare ? ', and the package lists' : ''}`;
  return { what, sizeMb: bare ? 17 : 1, diskMb: bare ? 160 : 1, from: 'apt', into: 'the system' };
}

function packageListsArePresent() {
  const folder = '/var/lib/apt/lists';
  return existsSync(folder) && readdirSync(folder).some((name) => /_Packages(\.[a-z0-9]+)?$/.test(name));
}

/** Says what is missing and how to get it; the set-up goes on without. */
export function explainSystemPackages(names, log) {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  for (const name of names)
    log(`${name} is missing; it ${NEEDS[name]?.why ?? 'is needed'}. To install it: ${sudo}apt-get install ${name}`);
}

const APT = ['-qq', '-o', 'Acquire::Retries=0', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20'];

/** Installs by apt; the package lists are fetched when there are none or what they name is gone. A failure is told, not thrown. */
export async function installSystemPackages(names, log) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => run('apt-get', [...APT, ...args], { env, errorsOnly: true });
  const install = () => apt('install', '-y', '--no-install-recommends', ...names);
  const updateAndInstall = async () => {
    log('fetching the package lists');
    await apt('update');
    await install();
  };
  try {
    if (packageListsArePresent()) await install().catch(updateAndInstall);
    else await updateAndInstall();
  } catch (error) {
    log(error.message);
    explainSystemPackages(names, log);
  }
}
