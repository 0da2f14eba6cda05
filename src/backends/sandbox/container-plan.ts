import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BackendError } from '../../platform/errors/families.ts';
import type { WorkSpec } from '../../platform/ports/work.ts';
import type { ContainerEngine, ContainerPlan } from './plan.ts';

/** What differs for work in a container of an engine (shim/container.py). */

const run = promisify(execFile);
const ENGINE_TIMEOUT_MS = 60_000;

/** The container's name is made of the data folder and the run, so that whoever looks later finds it. */
export function containerPlan(dataFolder: string, runFolder: string, id: string, engine: ContainerEngine): ContainerPlan {
  const place = createHash('sha256').update(dataFolder).digest('hex').slice(0, 12);
  return { ...engine, name: `slipway-${place}-${id}`, folder: join(runFolder, 'container') };
}

/** Refuses what an engine cannot be asked for. */
export function requireContainable(spec: WorkSpec): void {
  if (spec.network === 'none' && spec.hosts.length > 1) {
    throw new BackendError(
      'runtime',
      `Network isolation of a job on ${spec.hosts.length} hosts is not implemented under a container engine: ` +
        'use one instance, or `sandbox: auto` in slipway.yaml on a machine that has bubblewrap.',
    );
  }
}

/** Ends and removes the container of a run whose supervisor has died. One that is not there is nothing. */
export async function removeContainer({ program, environment, name, engine }: ContainerPlan): Promise<void> {
  const options = { env: { ...environment }, timeout: ENGINE_TIMEOUT_MS, cwd: '/' };
  // podman else waits ten seconds for it to end; that there is none to kill is told by the next command
  await run(program, ['kill', '--signal', 'KILL', name], options).catch(() => undefined);
  try {
    await run(program, ['rm', '--force', name], options);
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    if (/no such container/i.test(stderr)) return;
    const why = stderr.trim().split('\n').at(-1) || message;
    throw new BackendError('runtime', `The container ${name} of ${engine} cannot be removed: ${why}`, { retryable: true });
  }
}
