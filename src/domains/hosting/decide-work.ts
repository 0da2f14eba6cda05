import { OWN_LINE } from '../../platform/log-streams.ts';
import type { WorkSpec } from '../../platform/ports/work.ts';
import { modelInput } from '../../platform/serving/model-input.ts';
import type { InstancePlan, PinnedVariant } from './resources.ts';

/** AWS: SIGTERM, 30 seconds, SIGKILL. */
const GRACE_SECONDS = 30;

export interface WorkFacts {
  readonly region: string;
  readonly logFile: string;
  readonly limits: { readonly cpus: number; readonly memoryMiB: number; readonly note?: string };
  /** Endpoint URLs and credentials for code that calls AWS. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The process of one instance: the image's `serve` over the pinned model data. */
export function planModelServer(variant: PinnedVariant, instance: InstancePlan, facts: WorkFacts): WorkSpec {
  const { model } = variant;
  return {
    id: instance.workId,
    kind: 'service',
    hostname: 'algo-1',
    hosts: ['algo-1'],
    runtime: { name: model.runtime },
    image: model.image,
    command: model.command,
    workingDirectory: '/',
    environment: {
      AWS_REGION: facts.region,
      AWS_DEFAULT_REGION: facts.region,
      SAGEMAKER_REGION: facts.region,
      ...facts.environment,
      ...model.environment,
      SLIPWAY_IMAGE_PROFILE: JSON.stringify(model.profile),
    },
    preamble: [model.profile['note'], facts.limits.note, '{isolation}'].flatMap((line) => (line ? [`${OWN_LINE}${line}`] : [])),
    files: [],
    inputs: model.artifacts.map(modelInput),
    outputs: [],
    limits: { graceSeconds: GRACE_SECONDS, memoryBytes: facts.limits.memoryMiB * 1024 * 1024, cpus: facts.limits.cpus },
    network: model.networkIsolation ? 'none' : 'host',
    logFile: facts.logFile,
  };
}
