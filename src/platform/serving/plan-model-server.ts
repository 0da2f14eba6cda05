import { OWN_LINE } from '../log-streams.ts';
import type { WorkInput, WorkSpec } from '../ports/work.ts';
import { modelInput } from './model-input.ts';
import type { PinnedContainer } from './pinned-container.ts';

/** AWS: SIGTERM, 30 seconds, SIGKILL. */
const GRACE_SECONDS = 30;

export interface ModelServerFacts {
  readonly networkIsolation: boolean;
  readonly region: string;
  readonly logFile: string;
  readonly limits: { readonly cpus: number; readonly memoryMiB: number; readonly note?: string };
  /** Endpoint URLs and credentials for code that calls AWS. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Where a multi-model container finds its models: empty at first, added to while it runs. */
export const MODELS_FOLDER = '/opt/ml/models';
const MODELS_INPUT: WorkInput = { path: MODELS_FOLDER, access: 'read-only', entries: [] };

/** The process of one container: the image's `serve` over the pinned model data. */
export function planModelServer(container: PinnedContainer, workId: string, facts: ModelServerFacts): WorkSpec {
  return {
    id: workId,
    kind: 'service',
    hostname: 'algo-1',
    hosts: ['algo-1'],
    runtime: { name: container.runtime, ...(container.root && { root: container.root }) },
    image: container.image,
    command: container.command,
    workingDirectory: '/',
    environment: {
      AWS_REGION: facts.region,
      AWS_DEFAULT_REGION: facts.region,
      SAGEMAKER_REGION: facts.region,
      ...facts.environment,
      ...container.environment,
      ...(container.multiModel && {
        SAGEMAKER_MULTI_MODEL: 'true',
        SLIPWAY_SERVE_MEMORY_MIB: String(facts.limits.memoryMiB),
      }),
      SLIPWAY_IMAGE_PROFILE: JSON.stringify(container.profile),
    },
    preamble: [container.profile['note'], facts.limits.note, '{isolation}'].flatMap((line) =>
      line ? [`${OWN_LINE}${line}`] : [],
    ),
    files: [],
    inputs: container.multiModel ? [MODELS_INPUT] : container.artifacts.map(modelInput),
    outputs: [],
    limits: { graceSeconds: GRACE_SECONDS, memoryBytes: facts.limits.memoryMiB * 1024 * 1024, cpus: facts.limits.cpus },
    network: facts.networkIsolation ? 'none' : 'host',
    logFile: facts.logFile,
  };
}
