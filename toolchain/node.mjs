// Finds or installs the Node.js that runs Slipway, and the packages of this checkout.
import { copyFileSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildOnce, cacheDirectory, digestOf, readReady, SetupError, touchReady, withLock } from './cache.mjs';
import { isExecutable, onPath, output, run } from './processes.mjs';

const TOOLCHAIN = dirname(fileURLToPath(import.meta.url));
export const CHECKOUT = dirname(TOOLCHAIN);
export const NODE_MAJOR_MIN = 24;

/**
 * A Node.js of version 24 or newer: this process, `$SLIPWAY_NODE`, PATH, the cache; undefined when there is none.
 * Only a `node` that is not this process is started to ask for its version.
 */
export function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath;
  const chosen = process.env.SLIPWAY_NODE;
  if (chosen) {
    if (majorOf(chosen) >= NODE_MAJOR_MIN) return chosen;
    throw new SetupError(
      `SLIPWAY_NODE is ${chosen}, which is not a Node.js of version ${NODE_MAJOR_MIN} or newer. Correct or unset it.`,
    );
  }
  const cached = cachedNode();
  if (cached) return cached;
  const self = realpathSync(process.execPath);
  return onPath('node').find((path) => realpathSync(path) !== self && majorOf(path) >= NODE_MAJOR_MIN);
}

function majorOf(path) {
  return isExecutable(path) ? Number(output(path, ['--version'])?.match(/^v(\d+)\./)?.[1] ?? 0) : 0;
}

function cachedNode() {
  const ready = readReady(nodeDirectory());
  if (!ready) return undefined;
  touchReady(nodeDirectory());
  return join(nodeDirectory(), ready.executable);
}

export function nodeDirectory() {
  const lock = readFileSync(join(TOOLCHAIN, 'package-lock.json'));
  return join(cacheDirectory(), 'toolchain', digestOf(lock, process.platform, process.arch));
}

/** What installing Node would fetch: for the announcement. */
export function nodeDownload() {
  const name = `node-${process.platform}-${process.arch}`;
  const pinned = JSON.parse(readFileSync(join(TOOLCHAIN, 'package.json'), 'utf8')).optionalDependencies[name];
  if (!pinned) {
    throw new SetupError(
      `Slipway needs Node.js ${NODE_MAJOR_MIN} or newer; this is ${process.version}, and for ${process.platform} on ${process.arch} there is no ` +
        'package to install. Install it from nodejs.org, or name one in SLIPWAY_NODE.',
    );
  }
  return { what: `Node.js ${pinned}`, sizeMb: 53, diskMb: 190, from: 'npm', into: nodeDirectory() };
}

/** Installs the pinned Node into the cache by `npm ci` and returns its executable. */
export async function installNode(log) {
  const name = `node-${process.platform}-${process.arch}`;
  const executable = join('node_modules', name, 'bin', 'node');
  const ready = await buildOnce(nodeDirectory(), log, async (folder) => {
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) copyFileSync(join(TOOLCHAIN, file), join(folder, file));
    await npm(['ci', ...QUIET], folder);
    const version = output(join(folder, executable), ['--version'])?.trim();
    if (!version)
      throw new SetupError(
        `The downloaded ${name} does not run on this machine. Install Node.js ${NODE_MAJOR_MIN} and name it in SLIPWAY_NODE.`,
      );
    return { executable, version };
  });
  return join(nodeDirectory(), ready.executable);
}

const QUIET = ['--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];

/** Runs npm in a folder, free of the settings an outer `npm run` leaves in the environment. */
async function npm(args, cwd) {
  const env = { ...process.env };
  for (const key of Object.keys(env)) {
    if (/^npm_(lifecycle|package|command)|^npm_config_local_prefix$|^INIT_CWD$/.test(key)) delete env[key];
  }
  const script = process.env.npm_execpath;
  const hint = 'npm comes with Node.js; on Debian it is the package `npm`.';
  if (script && /npm-cli\.js$/.test(script)) return run(process.execPath, [script, ...args], { cwd, env, hint });
  const beside = join(dirname(process.execPath), 'npm');
  return run(onPath('npm')[0] ?? (isExecutable(beside) ? beside : 'npm'), args, { cwd, env, hint });
}

/** Whether node_modules holds exactly what package-lock.json says; compared with the record npm leaves when it has finished. */
export function packagesAreInstalled() {
  const wanted = readPackages(join(CHECKOUT, 'package-lock.json'));
  const present = readPackages(join(CHECKOUT, 'node_modules', '.package-lock.json'));
  if (!wanted)
    throw new SetupError(`package-lock.json is missing in ${CHECKOUT}. Restore it with \`git checkout package-lock.json\`.`);
  if (!present) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || !path.startsWith('node_modules/') || entry.optional) return true;
    const found = present[path];
    return found !== undefined && found.version === entry.version && found.link === entry.link;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function packagesDownload() {
  return { what: 'npm packages of Slipway', sizeMb: 60, diskMb: 140, from: 'npm', into: join(CHECKOUT, 'node_modules') };
}

export async function installPackages(log) {
  const locks = join(cacheDirectory(), 'locks');
  mkdirSync(locks, { recursive: true });
  await withLock(join(locks, `packages-${digestOf(CHECKOUT)}.lock`), log, async () => {
    if (!packagesAreInstalled()) await npm(['ci', ...QUIET], CHECKOUT);
  });
}
