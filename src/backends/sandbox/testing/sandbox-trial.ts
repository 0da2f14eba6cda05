import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../platform/clock.ts';
import type { BlobStore } from '../../../platform/objects/port.ts';
import { waitForEnd, type WorkTrial } from '../../../platform/ports/work-suite.ts';
import type { WorkEnd } from '../../../platform/ports/work.ts';
import { engineAbsence } from './container-engine.ts';
import { findProgram } from '../isolation.ts';
import { createSandboxBackend, type SandboxBackend } from '../sandbox-backend.ts';
import type { SandboxOptions } from '../sandbox-options.ts';

export type TrialIsolation = 'bubblewrap' | 'unshare' | 'container' | 'plain';

/** Why this machine cannot try a kind of isolation, for `skip`; false when it can. One that is there and broken fails its tests. */
export function absence(isolation: TrialIsolation): string | false {
  if (isolation === 'container') return engineAbsence();
  return isolation === 'bubblewrap' && findProgram('bwrap') === undefined ? 'bubblewrap is not installed' : false;
}

/** A real backend on a fresh folder, with files for blobs. */
export interface Trial extends WorkTrial {
  readonly folder: string;
  readonly backend: SandboxBackend;
  end(id: string): Promise<WorkEnd>;
  log(id: string): string;
  reopen(): Trial;
}

/** `runtimes`: the real ones, where a test needs more than the host's Python. */
export function createTrial(
  sandbox: TrialIsolation,
  existing?: string,
  runtimes?: Pick<SandboxOptions, 'locateRuntime' | 'openImage'>,
): Trial {
  const folder = existing ?? mkdtempSync(join(tmpdir(), 'slipway-sandbox-'));
  mkdirSync(join(folder, 'blobs'), { recursive: true });
  mkdirSync(join(folder, 'logs'), { recursive: true });
  const place: BlobStore['place'] = async (digest, path, use) => {
    const blob = join(folder, 'blobs', digest);
    if (use === 'read-only') linkSync(blob, path);
    else copyFileSync(blob, path);
  };
  const backend = createSandboxBackend({
    folder,
    cacheFolder: join(folder, 'cache'),
    clock: systemClock,
    settings: { sandbox },
    blobs: { place } as BlobStore,
    log: { info: () => undefined, warn: () => undefined },
    ...(runtimes?.openImage && { openImage: runtimes.openImage }),
    locateRuntime: runtimes?.locateRuntime ?? (() => ({ folders: [], environment: { PATH: '/usr/bin:/bin' } })),
  });
  return {
    folder,
    backend,
    store(content) {
      const digest = createHash('sha256').update(content).digest('hex');
      writeFileSync(join(folder, 'blobs', digest), content);
      return digest;
    },
    spec: (id, script, more = {}) => ({
      id,
      kind: 'job',
      hostname: 'algo-1',
      hosts: ['algo-1'],
      runtime: { name: 'ml' },
      image: 'python:3.11',
      command: ['/usr/bin/python3', '-c', script],
      workingDirectory: '/root',
      environment: {},
      files: [],
      inputs: [],
      outputs: [],
      limits: { graceSeconds: 5, memoryBytes: 512 * 1024 * 1024, cpus: 64 },
      network: 'host',
      logFile: join(folder, 'logs', id),
      ...more,
    }),
    end: (id) => waitForEnd(backend, id),
    log: (id) => readFileSync(join(folder, 'logs', id), 'utf8'),
    lines: (id) => {
      const path = join(folder, 'logs', id);
      if (!existsSync(path)) return [];
      const text = readFileSync(path, 'utf8').trimEnd();
      return text.split('\n').map((line) => line.replace(/^\d{13} /, ''));
    },
    reopen() {
      backend.close();
      return createTrial(sandbox, folder, runtimes);
    },
    close() {
      backend.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
