import type { OperationName } from '../../../contract/operations.ts';
import type { PipelineExecutionStepMetadata } from '../../../contract/generated/sagemaker.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { formatArn } from '../../../platform/resources/arn.ts';
import type { JsonObject } from '../../../../sdk/definition/index.ts';
import type { Observation } from '../decide-execution.ts';
import { isPassing } from '../../../platform/errors/passing.ts';
import type { ExecutionRun } from '../run.ts';
import type { StepKind, Work } from './step-kind.ts';
import { call, createOrFind, resolveArguments, tagsOf, textOf, unlessAbsent } from './work.ts';

/** How a step becomes a job: which operations, and where its name, ARN and status stand. */
export interface JobShape {
  readonly create: OperationName;
  readonly describe: OperationName;
  readonly stop: OperationName;
  readonly nameMember: string;
  readonly arnMember: string;
  readonly statusMember: string;
  /** `training-job` in its ARN. */
  readonly arnType: string;
  readonly noun: string;
  readonly stateChange: string;
  metadata(arn: string): PipelineExecutionStepMetadata;
}

const ENDED = new Set<unknown>(['Completed', 'Failed', 'Stopped']);

/** A step that makes a job under the step's own name and ends with it. */
export function jobStep(shape: JobShape): StepKind {
  const { nameMember } = shape;
  return {
    calls: [shape.create, shape.describe, shape.stop],
    nameMember,
    async start(work) {
      const input = await resolveArguments(work, nameMember);
      const named = { ...input, [nameMember]: work.document.jobName ?? '', Tags: tagsOf(work, input) };
      const made = await createOrFind(work, shape.create, named);
      return { kind: 'started', step: work.index, metadata: shape.metadata(textOf(made, shape.arnMember) ?? arnOf(work, shape)) };
    },
    look: async (work) => observationOf(work, shape, await describe(work, shape)),
    stop: (work) => stop(work, shape),
    end: {
      detailType: shape.stateChange,
      ended: ({ resources, detail }) => {
        const status = detail[shape.statusMember];
        return status === undefined || ENDED.has(status) ? resources : [];
      },
      idOf: (run, _index, jobName) => jobArn(run, shape, jobName),
    },
  };
}

/** A job that was never made, or that has ended, is told as such. */
async function stop(work: Work, shape: JobShape): Promise<Observation | undefined> {
  const described = await unlessAbsent(describe(work, shape));
  if (!described) return { kind: 'stopped', step: work.index, reason: 'The execution was stopped before the job was made.' };
  const ended = observationOf(work, shape, described);
  if (ended) return ended;
  try {
    await call(work, shape.stop, { [shape.nameMember]: work.document.jobName });
  } catch (error) {
    // it may have ended in this moment: its state change wakes us; anything else is told by the next look
    if (!(error instanceof ServiceError) || isPassing(error)) throw error;
    const now = await unlessAbsent(describe(work, shape));
    if (now && textOf(now, shape.statusMember) === 'InProgress') throw error;
    return now && observationOf(work, shape, now);
  }
  return undefined;
}

const arnOf = ({ run, document }: Work, shape: JobShape): string => jobArn(run, shape, document.jobName ?? '');

const jobArn = ({ key }: Pick<ExecutionRun, 'key'>, shape: JobShape, name: string): string =>
  formatArn({ service: 'sagemaker', region: key.region, account: key.account, resource: `${shape.arnType}/${name}` });

const describe = (work: Work, shape: JobShape): Promise<JsonObject> =>
  call(work, shape.describe, { [shape.nameMember]: work.document.jobName });

function observationOf(work: Work, shape: JobShape, described: JsonObject): Observation | undefined {
  const step = work.index;
  const metadata = shape.metadata(textOf(described, shape.arnMember) ?? arnOf(work, shape));
  const reason = textOf(described, 'FailureReason');
  switch (textOf(described, shape.statusMember)) {
    case 'Completed':
      return { kind: 'succeeded', step, document: described, metadata };
    case 'Failed':
      return { kind: 'failed', step, reason: reason ?? `The ${shape.noun} failed without a reason.`, metadata };
    case 'Stopped':
      return { kind: 'stopped', step, reason: reason ?? stoppedReason(shape, described) };
    default:
      return undefined;
  }
}

function stoppedReason(shape: JobShape, described: JsonObject): string {
  const secondary = textOf(described, 'SecondaryStatus');
  const how = secondary !== undefined && secondary !== 'Stopped' ? ` (${secondary})` : '';
  return `The ${shape.noun} was stopped${how} before it was complete.`;
}
