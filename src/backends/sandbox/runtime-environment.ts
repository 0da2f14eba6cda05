import { join } from 'node:path';
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
}

/** Home of `train`, `serve` and the package behind them. */
const ENTRY = fileURLToPath(new URL('../../../runtimes/entry', import.meta.url));
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
      PATH: `${join(ENTRY, 'bin')}:${join(path, 'bin')}:${SYSTEM_PATH}`,
      PIP_CONSTRAINT: join(path, 'constraints.txt'),
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      PIP_ROOT_USER_ACTION: 'ignore',
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    versions: { ...ready.libraries, python: ready.python },
  };
}
