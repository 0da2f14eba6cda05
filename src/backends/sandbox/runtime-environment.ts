import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { READY_FILE } from '../../../toolchain/cache.mjs';
import { findRuntime } from '../../../toolchain/python.mjs';
import { BackendError } from '../../platform/errors/families.ts';

/**
 * A built Python environment as a sandbox needs it: what to show read-only, at the same paths as on the host (the environment's
 * scripts and links are absolute), and what to put into the process's environment.
 */
export interface RuntimeEnvironment {
  readonly name: string;
  /** Folder of the environment; its name ends in the digest of lock file and Python. Never written after the set-up. */
  readonly path: string;
  /** `python3` inside `path`. */
  readonly python: string;
  /** Folders to show read-only at the same path; those below `/usr` are left out, a sandbox shows that anyway. */
  readonly folders: readonly string[];
  /** PATH, and pip's constraint; goes below what the job asks for. */
  readonly environment: Readonly<Record<string, string>>;
  /** Real versions, by distribution name, and `python`. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Makes a job's own Python in `home`, the folder the job sees as `/root`: an empty environment on top of the runtime, so that
   * `pip install` in a job (also of other versions of what the runtime has) goes there and never into the runtime. Without it
   * the job runs on the runtime itself and cannot install anything.
   */
  writeJobPython(home: string): void;
}

/** Home of `train`, `serve` and the package behind them. */
const ENTRY = fileURLToPath(new URL('../../../runtimes/entry', import.meta.url));
/** Where the job sees its own Python. */
const JOB_PYTHON = '.python';
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const remembered = new Map<string, RuntimeEnvironment>();
/** How long a runtime is taken as found; then it is looked for, and marked as used, again. */
const REMEMBER_MS = 3_600_000;

/** Locates the runtime built for the current lock file and marks it as used. Throws BackendError when the set-up never built it. */
export function locateRuntime(name: string): RuntimeEnvironment {
  const known = remembered.get(name);
  if (known && wasUsedLately(known.path)) return known;
  const found = findRuntime(name);
  if (found === undefined) {
    throw new BackendError('runtime', `The Python runtime ${name} is not built on this machine. Run \`npm run setup\`.`);
  }
  const runtime = describeRuntime(name, found);
  remembered.set(name, runtime);
  return runtime;
}

/** By the mark itself, so that a runtime that was removed is not taken as found. */
function wasUsedLately(path: string): boolean {
  const mark = statSync(join(path, READY_FILE), { throwIfNoEntry: false });
  return mark !== undefined && Date.now() - mark.mtimeMs < REMEMBER_MS;
}

function describeRuntime(name: string, found: NonNullable<ReturnType<typeof findRuntime>>): RuntimeEnvironment {
  const { path, ready } = found;
  const prefix = ready.basePrefix === '/usr' || ready.basePrefix.startsWith('/usr/') ? [] : [ready.basePrefix];
  return {
    name,
    path,
    python: join(path, 'bin', 'python3'),
    folders: [path, ENTRY, ...prefix],
    environment: {
      PATH: `/root/${JOB_PYTHON}/bin:${join(ENTRY, 'bin')}:${join(path, 'bin')}:${SYSTEM_PATH}`,
      PIP_CONSTRAINT: join(path, 'constraints.txt'),
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      PIP_ROOT_USER_ACTION: 'ignore',
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    versions: { ...ready.libraries, python: ready.python },
    writeJobPython: (home) => writeJobPython(join(home, JOB_PYTHON), path, ready),
  };
}

/** As few files as make an environment: each job pays for them. Its `pip` stands in the entry folder. */
function writeJobPython(folder: string, runtime: string, ready: { readonly interpreter: string; readonly python: string }): void {
  const library = join(folder, 'lib', `python${ready.python.split('.').slice(0, 2).join('.')}`);
  const packages = join(library, 'site-packages');
  mkdirSync(folder, { recursive: true });
  for (const path of [join(folder, 'bin'), join(folder, 'lib'), library, packages]) mkdirSync(path);
  for (const name of ['python3', 'python']) symlinkSync(ready.interpreter, join(folder, 'bin', name));
  writeFileSync(
    join(folder, 'pyvenv.cfg'),
    `home = ${dirname(ready.interpreter)}\ninclude-system-site-packages = false\nversion = ${ready.python}\n`,
  );
  const runtimePackages = join(runtime, relative(folder, packages));
  writeFileSync(join(packages, 'runtime.pth'), `${runtimePackages}\n`);
}
