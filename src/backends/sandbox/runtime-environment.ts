import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
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

/** Locates the runtime built for the current lock file and marks it as used. Throws BackendError when the set-up never built it. */
export function locateRuntime(name: string): RuntimeEnvironment {
  const found = findRuntime(name);
  if (found === undefined) {
    throw new BackendError('runtime', `The Python runtime ${name} is not built on this machine. Run \`npm run setup\`.`);
  }
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

function writeJobPython(folder: string, runtime: string, ready: { readonly interpreter: string; readonly python: string }): void {
  const packages = join('lib', `python${ready.python.split('.').slice(0, 2).join('.')}`, 'site-packages');
  mkdirSync(join(folder, packages), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  for (const name of ['python3', 'python']) symlinkSync(ready.interpreter, join(folder, 'bin', name));
  for (const name of ['pip', 'pip3']) {
    writeFileSync(join(folder, 'bin', name), '#!/bin/sh\nexec python3 -m pip "$@"\n', { mode: 0o755 });
  }
  writeFileSync(
    join(folder, 'pyvenv.cfg'),
    `home = ${dirname(ready.interpreter)}\ninclude-system-site-packages = false\nversion = ${ready.python}\n`,
  );
  writeFileSync(join(folder, packages, 'runtime.pth'), `${join(runtime, packages)}\n`);
}
