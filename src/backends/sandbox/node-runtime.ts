import { dirname } from 'node:path';
import type { SandboxOptions } from './sandbox-options.ts';

/** What a specification calls the runtime that is the server's own Node. */
export const NODE_RUNTIME = 'node';

/** The Node that runs the server, and nothing else: one program, shown read-only where it lies. */
export function locateNode(): ReturnType<SandboxOptions['locateRuntime']> {
  return {
    folders: process.execPath.startsWith('/usr/') ? [] : [process.execPath],
    environment: { PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin` },
  };
}
