import { dirname } from 'node:path';
import { BUILD_RUNTIME } from '../../platform/ports/build-tools.ts';
import { buildWorkRuntime } from './build-tools.ts';
import { locateRuntime } from './runtime-environment.ts';
import type { SandboxOptions } from './sandbox-options.ts';

type WorkRuntime = ReturnType<SandboxOptions['locateRuntime']>;

/** What a specification calls the runtime that is the server's own Node. */
const NODE_RUNTIME = 'node';

/** Any runtime that a specification can name: a built Python environment, Node, or the tools of builds. */
export function locateWorkRuntime(name: string): WorkRuntime {
  if (name === BUILD_RUNTIME) return buildWorkRuntime();
  return name === NODE_RUNTIME ? nodeRuntime() : locateRuntime(name);
}

/** The Node that runs the server, and nothing else: one program, shown read-only where it lies. */
function nodeRuntime(): WorkRuntime {
  return {
    folders: process.execPath.startsWith('/usr/') ? [] : [process.execPath],
    environment: { PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin` },
  };
}

/** The interpreters that run functions, by what is really there. */
export const functionRuntimes = {
  version: (kind: 'python' | 'node'): string =>
    kind === 'node' ? process.versions.node : (locateRuntime('ml').versions['python'] ?? 'unknown'),
};
