// What `npm run setup` does, and what the other commands do before they start: quick when nothing changed, asks nothing.
import { cacheDirectory, SetupError } from './cache.mjs';
import { warmCompileCache } from './compile-cache.mjs';
import { findNode, installNode, installPackages, nodeDownload, packagesAreInstalled, packagesDownload } from './node.mjs';
import { buildRuntime, compileEntry, findPython, findRuntime, runtimeDownload } from './python.mjs';
import {
  canInstallSystemPackages,
  explainSystemPackages,
  installSystemPackages,
  missingSystemPackages,
  systemDownload,
} from './system-packages.mjs';

/** The parts a command can ask for. `cli`: what any verb needs. `all`: also what runs jobs and model servers. */
const PARTS = { cli: ['node', 'packages'], all: ['node', 'packages', 'runtime', 'system'] };
const RUNTIMES = ['ml'];

/**
 * Brings the asked-for parts up to date. Everything is printed on stderr: first what will be downloaded, how big and where to,
 * then the progress. `quiet` prints nothing when nothing is to be done. Throws SetupError with what to do.
 *
 * @param {{ quiet?: boolean, what?: 'cli' | 'all' }} [options]
 * @returns {Promise<{ node: string }>} the Node.js to run Slipway on
 */
export async function ensureSetup({ quiet = false, what = 'all' } = {}) {
  const startedMs = Date.now();
  const log = (text) => process.stderr.write(`slipway setup: ${text}\n`);
  const plan = planSetup(PARTS[what], log, quiet);
  if (plan.length === 0) {
    if (what === 'all') await compileEntries();
    if (!quiet) await warmCompileCache(findNode(), log);
    if (!quiet) log(`everything is there (cache ${cacheDirectory()})`);
    return { node: findNode() };
  }
  announce(plan, log);
  for (const step of plan) {
    log(`${step.download.what} …`);
    await step.perform();
  }
  if (what === 'all') await compileEntries();
  const node = findNode();
  if (!node)
    throw new SetupError(
      'Node.js was installed but is not found again. Remove the cache folder and run `npm run setup` once more.',
    );
  if (what === 'all') await warmCompileCache(node, log);
  log(`done in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  return { node };
}

async function compileEntries() {
  const runtime = findRuntime(RUNTIMES[0]);
  if (runtime) await compileEntry(runtime);
}

function planSetup(parts, log, quiet) {
  const plan = [];
  if (parts.includes('node') && !findNode()) plan.push({ download: nodeDownload(), perform: () => installNode(log) });
  if (parts.includes('packages') && !packagesAreInstalled()) {
    plan.push({ download: packagesDownload(), perform: () => installPackages(log) });
  }
  const system = parts.includes('system') ? missingSystemPackages() : [];
  if (parts.includes('runtime')) planRuntimes(plan, system, log);
  if (system.length > 0 && canInstallSystemPackages()) {
    plan.unshift({ download: systemDownload(system), perform: () => installSystemPackages(system, log) });
  } else if (system.length > 0 && (!quiet || plan.length > 0)) {
    explainSystemPackages(system, log);
  }
  return plan;
}

function planRuntimes(plan, system, log) {
  const missing = RUNTIMES.filter((name) => !findRuntime(name));
  if (missing.length === 0) return;
  if (!findPython()) {
    if (!canInstallSystemPackages()) throw new SetupError(NO_PYTHON);
    system.push('python3-venv');
  }
  for (const name of missing) {
    plan.push({
      download: runtimeDownload(name),
      perform: () => {
        const python = findPython();
        if (!python) throw new SetupError(NO_PYTHON);
        return buildRuntime(name, python, log);
      },
    });
  }
}

const NO_PYTHON =
  'No Python 3.11, 3.12 or 3.13 with venv was found. Install one (Debian: sudo apt-get install python3 python3-venv), ' +
  'or name one in SLIPWAY_PYTHON.';

function announce(plan, log) {
  const totalMb = plan.reduce((sum, { download }) => sum + download.sizeMb, 0);
  log(`will download about ${totalMb} MB:`);
  for (const { download } of plan) {
    log(`  ${download.what}: ${download.sizeMb} MB from ${download.from}, ${download.diskMb} MB on disk, into ${download.into}`);
  }
}
