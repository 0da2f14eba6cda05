// Finds the host's Python, and builds the Python runtimes of jobs with uv: locked, content-addressed, bytecode-compiled.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, copyFileSync, existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildOnce, cacheDirectory, digestOf, prune, readReady, SetupError, touchReady } from './cache.mjs';
import { CHECKOUT } from './node.mjs';
import { isExecutable, onPath, output, run } from './processes.mjs';

const UV_REQUIREMENTS = join(CHECKOUT, 'toolchain', 'uv-requirements.txt');
const UNUSED_MS = 30 * 86_400_000;

/** What the probe below prints about an interpreter. */
const PROBE = `
import json, os, sys, platform
try:
    import ensurepip, venv
    seeded = True
except ImportError:
    seeded = False
json.dump({"version": platform.python_version(), "minor": list(sys.version_info[:2]), "executable": os.path.realpath(sys.executable),
           "basePrefix": os.path.realpath(sys.base_prefix), "machine": platform.machine(), "venv": seeded,
           "implementation": sys.implementation.name}, sys.stdout)
`;

/**
 * A Python 3.11 to 3.13 that can make environments: `$SLIPWAY_PYTHON`, the system's, then PATH. The system's is preferred since a
 * sandbox shows it anyway, while one in a home folder must be shown on purpose. Undefined when there is none.
 */
export function findPython() {
  const chosen = process.env.SLIPWAY_PYTHON;
  if (chosen) {
    const found = probe(chosen);
    if (found && fits(found)) return found;
    throw new SetupError(`SLIPWAY_PYTHON is ${chosen}, which is not a Python 3.11 to 3.13 with venv. Correct or unset it.`);
  }
  const tried = new Set();
  for (const path of ['/usr/bin/python3', ...['python3', 'python3.13', 'python3.12', 'python3.11'].flatMap(onPath)]) {
    if (tried.has(path) || !isExecutable(path)) continue;
    tried.add(path);
    const found = probe(path);
    if (found && fits(found)) return found;
  }
  return undefined;
}

function probe(path) {
  const text = output(path, ['-I', '-c', PROBE]);
  return text === undefined ? undefined : JSON.parse(text);
}

function fits({ minor, venv, implementation }) {
  return implementation === 'cpython' && minor[0] === 3 && minor[1] >= 11 && minor[1] <= 13 && venv;
}

/** Where a runtime's lock is: `requirements.txt` and, where jobs may install more on top of it, `constraints.txt`. */
const lockFolderOf = (name) => join(CHECKOUT, 'runtimes', name);

function lockDigest(folder) {
  return digestOf(
    ...['requirements.txt', 'constraints.txt']
      .map((name) => join(folder, name))
      .filter(existsSync)
      .map((path) => readFileSync(path)),
  );
}

/**
 * The finished runtime of that name for the current lock, found without starting anything; undefined when it is not built or its
 * Python is gone or was replaced. `{ path, ready }`; `ready` is what `ready.json` says.
 */
export function findRuntime(name, lockFolder = lockFolderOf(name)) {
  const parent = join(cacheDirectory(), 'runtimes');
  if (!existsSync(parent)) return undefined;
  const wanted = lockDigest(lockFolder);
  const chosen = process.env.SLIPWAY_PYTHON ? realpathOf(process.env.SLIPWAY_PYTHON) : undefined;
  for (const entry of readdirSync(parent).sort()) {
    if (!entry.startsWith(`${name}-`)) continue;
    const path = join(parent, entry);
    const ready = readReady(path);
    if (ready?.lock !== wanted || !pythonIsUnchanged(ready)) continue;
    if (chosen && ready.interpreter !== chosen) continue;
    touchReady(path);
    return { path, ready };
  }
  return undefined;
}

function realpathOf(path) {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function pythonIsUnchanged(ready) {
  try {
    return statSync(ready.interpreter).size === ready.interpreterSizeBytes;
  } catch {
    return false;
  }
}

export function runtimeDownload(name) {
  return {
    what: `Python runtime "${name}" (numpy, pandas, scikit-learn, xgboost, …)`,
    sizeMb: 190,
    diskMb: 720,
    from: 'PyPI',
    into: join(cacheDirectory(), 'runtimes'),
  };
}

/** Builds the runtime with the given Python (see findPython) and returns its folder. */
export async function buildRuntime(name, python, log, lockFolder = lockFolderOf(name)) {
  const lock = lockDigest(lockFolder);
  const digest = digestOf(lock, python.version, python.executable, python.machine);
  const target = join(cacheDirectory(), 'runtimes', `${name}-${digest}`);
  const tools = await installUv(python, log);
  await buildOnce(target, log, async (folder) => {
    const env = uvEnvironment(tools);
    const uv = join(tools, 'bin', 'uv');
    await run(
      uv,
      ['venv', '--quiet', '--relocatable', '--no-project', '--allow-existing', '--python', python.executable, folder],
      { cwd: folder, env },
    );
    const interpreter = join(folder, 'bin', 'python3');
    await run(
      uv,
      [
        'pip',
        'install',
        '--python',
        interpreter,
        '--require-hashes',
        '--only-binary',
        ':all:',
        '-r',
        join(lockFolder, 'requirements.txt'),
      ],
      { cwd: folder, env },
    );
    const constraints = join(lockFolder, 'constraints.txt');
    if (existsSync(constraints)) copyFileSync(constraints, join(folder, 'constraints.txt'));
    await compileBytecode(interpreter, folder, target, log);
    spawnSync('sync', ['-f', folder]);
    return {
      name,
      lock,
      python: python.version,
      interpreter: python.executable,
      interpreterSizeBytes: statSync(python.executable).size,
      basePrefix: python.basePrefix,
      machine: python.machine,
      libraries: librariesOf(interpreter),
      builtAt: new Date().toISOString(),
    };
  });
  prune(join(cacheDirectory(), 'runtimes'), [target], UNUSED_MS, log);
  return target;
}

/**
 * Compiles the entry points in the checkout where a source is newer than its bytecode: a job sees them read-only and would compile
 * them anew each time. A checkout that cannot be written to stays as it is, only slower.
 */
export async function compileEntry(runtime) {
  const folder = join(CHECKOUT, 'runtimes', 'entry', 'slipway_entry');
  const [major, minor] = runtime.ready.python.split('.');
  const cached = (name) => join(folder, '__pycache__', name.replace(/\.py$/, `.cpython-${major}${minor}.pyc`));
  const isStale = (name) => mtimeOf(cached(name)) < mtimeOf(join(folder, name));
  if (!readdirSync(folder).some((name) => name.endsWith('.py') && isStale(name)) || !isWritable(folder)) return;
  await run(join(runtime.path, 'bin', 'python3'), ['-I', '-m', 'compileall', '-q', folder]);
}

function mtimeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isWritable(path) {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The packages' own test suites are left uncompiled: nothing imports them and they are a third of the work. */
async function compileBytecode(interpreter, folder, target, log) {
  log('compiling bytecode, once');
  await run(
    interpreter,
    ['-I', '-m', 'compileall', '-q', '-j', '0', '-x', '[/\\\\]tests?[/\\\\]', '-s', folder, '-p', target, join(folder, 'lib')],
    { cwd: folder },
  );
}

function librariesOf(interpreter) {
  const script =
    'import importlib.metadata as m, json; print(json.dumps({d.metadata["Name"].lower(): d.version for d in m.distributions()}))';
  const text = output(interpreter, ['-I', '-c', script]);
  if (text === undefined)
    throw new SetupError(
      `The new runtime's ${interpreter} does not run. Remove the cache folder and run \`npm run setup\` again.`,
    );
  const all = JSON.parse(text);
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** uv in a folder of its own, installed by the host's Python and pip; returns that folder. */
async function installUv(python, log) {
  const target = join(
    cacheDirectory(),
    'tools',
    `uv-${digestOf(readFileSync(UV_REQUIREMENTS), python.version, python.executable)}`,
  );
  await buildOnce(target, log, async (folder) => {
    const env = { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' };
    delete env.PIP_TARGET;
    delete env.PIP_USER;
    delete env.PYTHONPATH;
    await run(python.executable, ['-m', 'venv', '--upgrade', folder], { cwd: folder, env });
    const interpreter = join(folder, 'bin', 'python3');
    await run(
      interpreter,
      ['-m', 'pip', 'install', '--quiet', '--require-hashes', '--no-deps', '--only-binary', ':all:', '-r', UV_REQUIREMENTS],
      { cwd: folder, env },
    );
    const settings = JSON.parse(output(interpreter, [join(CHECKOUT, 'toolchain', 'pip-settings.py')], { env }) ?? '{}');
    return { version: output(join(folder, 'bin', 'uv'), ['--version'])?.trim(), pip: settings };
  });
  return target;
}

/** pip's index, links, certificates and proxy, said in uv's words. What the user set for uv itself is left alone. */
function uvEnvironment(tools) {
  const interpreter = join(tools, 'bin', 'python3');
  const pip = JSON.parse(output(interpreter, [join(CHECKOUT, 'toolchain', 'pip-settings.py')]) ?? '{}');
  const env = { ...process.env, UV_CACHE_DIR: join(cacheDirectory(), 'uv'), UV_PYTHON_DOWNLOADS: 'never', UV_NO_PROGRESS: '1' };
  for (const key of ['VIRTUAL_ENV', 'CONDA_PREFIX', 'PYTHONPATH', 'PYTHONHOME']) delete env[key];
  const say = (key, value) => {
    if (value && env[key] === undefined) env[key] = value;
  };
  say('UV_DEFAULT_INDEX', pip['index-url']);
  say('UV_INDEX', pip['extra-index-url']);
  say(
    'UV_FIND_LINKS',
    pip['find-links']
      ?.split(' ')
      .filter((link) => link.includes('://') || existsSync(link))
      .join(','),
  );
  say('UV_NO_INDEX', /^(1|true|yes|on)$/i.test(pip['no-index'] ?? '') ? '1' : undefined);
  say('UV_INSECURE_HOST', pip['trusted-host']);
  say('UV_HTTP_TIMEOUT', pip.timeout ?? pip['default-timeout']);
  say('SSL_CERT_FILE', pip.cert);
  say('SSL_CLIENT_CERT', pip['client-cert']);
  say('HTTPS_PROXY', pip.proxy);
  say('HTTP_PROXY', pip.proxy);
  return env;
}
