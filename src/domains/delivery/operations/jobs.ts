import type { ExecutionDetails } from '../../../contract/generated/codepipeline.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { parseKeyText } from '../../../platform/resource-key.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Commit, Store } from '../../../platform/store/port.ts';
import { type Read, readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import { jobDataOf, jobWrite, keptJob } from '../jobs.ts';
import type { DeliveryPorts } from '../ports.ts';
import {
  type ActionRecord,
  actionArn,
  EXECUTION_RECONCILER,
  type ExecutionDocument,
  executionWrite,
  isOpen,
  jobKey,
  type JobDocument,
} from '../resources.ts';
import { readStructure } from '../rows.ts';
import { merged } from '../start-execution.ts';
import { changeEvent } from '../transitions.ts';

/** A function that gave a continuation token is called again after this. */
const CONTINUE_MS = 10_000;
/** "Output variables size of one action" (AWS's quotas). */
const VARIABLES_BYTES_MAX = 122_880;

interface FoundJob {
  readonly job: Read<JobDocument>;
  readonly execution: Read<ExecutionDocument>;
  readonly action: ActionRecord;
}

async function findJob(store: Pick<Store, 'get'>, context: OperationContext, jobId: string): Promise<FoundJob> {
  const job = await readRow<JobDocument>(store, jobKey(context, jobId));
  const execution = job && (await readRow<ExecutionDocument>(store, parseKeyText(job.document.executionKey)));
  const actions = execution ? [...execution.document.actions, ...execution.document.earlier] : [];
  const action = actions.find(({ id }) => id === job?.document.actionId);
  if (!job || !execution || !action)
    throw new ServiceError('JobNotFoundException', `No job was found with id ${jobId}.`, {}, 'absent');
  return { job, execution, action };
}

function refuseClosed({ job, action }: FoundJob, jobId: string, nowMs: number): void {
  if (job.document.status === 'open' && isOpen(action, nowMs)) return;
  const ended = action.status === 'InProgress' ? 'out of time' : action.status;
  throw new ServiceError(
    'InvalidJobStateException',
    `The job ${jobId} is no longer in progress: it is ${job.document.status === 'open' ? ended : job.document.status}.`,
  );
}

type Result = 'Succeeded' | 'Failed';

/** The commit by which a job is answered and its action becomes `after`. */
async function answer(
  { store }: DeliveryPorts,
  context: OperationContext,
  { job, execution, action }: FoundJob,
  result: Result,
  after: ActionRecord,
): Promise<Commit> {
  const { key, version, document } = execution;
  const structure = await readStructure(store, key, document.version);
  const actions = document.actions.map((one) => (one.id === action.id ? after : one));
  const changed: ExecutionDocument = { ...document, actions, modifiedAtMs: context.nowMs };
  const ended = after.status !== 'InProgress';
  const change = { of: 'action', action: after } as const;
  return {
    expect: [
      { key, version },
      { key: job.key, version: job.version },
    ],
    write: [executionWrite(key, changed), writeOf(job.key, { ...job.document, status: result }, job.index)],
    timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: context.nowMs }],
    ...(ended && structure && { events: [changeEvent(context, changed, structure, change, context.nowMs)] }),
    ledger: [
      entryOf(context, context.operation, [actionArn(document.pipelineArn, action.stage, action.name)], {
        executionId: [null, document.executionId],
        status: [action.status, after.status],
        ...(after.error && { error: [null, after.error.message] }),
      }),
    ],
  };
}

const detailsOf = ({ summary, externalExecutionId, percentComplete }: ExecutionDetails = {}): Partial<ActionRecord> => ({
  ...(summary !== undefined && { summary }),
  ...(externalExecutionId !== undefined && { externalExecutionId }),
  ...(percentComplete !== undefined && { percentComplete }),
});

export const putJobSuccessResult = (ports: DeliveryPorts) =>
  operation('codepipeline:PutJobSuccessResult', {
    effect: 'change',
    needs: () => [{ action: 'codepipeline:PutJobSuccessResult', resources: ['*'] }],
    async handle({ jobId, continuationToken, executionDetails, outputVariables = {}, currentRevision }, context) {
      const sizeBytes = Buffer.byteLength(JSON.stringify(outputVariables));
      if (sizeBytes > VARIABLES_BYTES_MAX) {
        throw new ServiceError(
          'OutputVariablesSizeExceededException',
          `The output variables have ${sizeBytes} bytes, more than ${VARIABLES_BYTES_MAX}.`,
        );
      }
      return decideAndCommit(ports.store, async (count) => {
        const found = await findJob(ports.store, context, jobId);
        if (count > 0 && found.job.document.status === 'Succeeded') return { result: {} };
        refuseClosed(found, jobId, context.nowMs);
        const told = {
          ...found.action,
          ...detailsOf(executionDetails),
          updatedAtMs: context.nowMs,
          updatedBy: context.principal.arn,
        };
        if (continuationToken !== undefined) {
          return { result: {}, commit: await continued(ports, context, found, told, continuationToken) };
        }
        const output = found.action.outputs?.[0];
        const revision = currentRevision &&
          output && {
            name: output.name,
            revisionId: currentRevision.revision,
            ...(currentRevision.revisionSummary !== undefined && { revisionSummary: currentRevision.revisionSummary }),
          };
        const after: ActionRecord = { ...told, status: 'Succeeded', outputVariables, ...(revision && { revision }) };
        return { result: {}, commit: await answer(ports, context, found, 'Succeeded', after) };
      });
    },
  });

/** The function is called again, for a new job, with what it gave. */
async function continued(
  ports: DeliveryPorts,
  context: OperationContext,
  found: FoundJob,
  told: ActionRecord,
  continuationToken: string,
): Promise<Commit> {
  const serial = keptJob(found.action).serial + 1;
  const kept: JsonObject = { serial, continuationToken };
  const { externalExecutionId: _earlier, ...rest } = told;
  const after: ActionRecord = { ...rest, begun: false, againAtMs: context.nowMs + CONTINUE_MS, kept };
  const job = jobWrite(ports.sealingKey, found.execution.key, found.action.id, serial, context.nowMs);
  return merged(await answer(ports, context, found, 'Succeeded', after), {
    expect: [{ key: job.key, version: 0 }],
    write: [job],
  });
}

export const putJobFailureResult = (ports: DeliveryPorts) =>
  operation('codepipeline:PutJobFailureResult', {
    effect: 'change',
    needs: () => [{ action: 'codepipeline:PutJobFailureResult', resources: ['*'] }],
    handle: ({ jobId, failureDetails: { type, message, externalExecutionId } }, context) =>
      decideAndCommit(ports.store, async (count) => {
        const found = await findJob(ports.store, context, jobId);
        if (count > 0 && found.job.document.status === 'Failed') return { result: {} };
        refuseClosed(found, jobId, context.nowMs);
        const after: ActionRecord = {
          ...found.action,
          ...(externalExecutionId !== undefined && { externalExecutionId }),
          status: 'Failed',
          updatedAtMs: context.nowMs,
          updatedBy: context.principal.arn,
          error: { code: type, message },
        };
        return { result: {}, commit: await answer(ports, context, found, 'Failed', after) };
      }),
  });

/** Without credentials: those are only in the event that the function gets. */
export const getJobDetails = ({ store }: DeliveryPorts) =>
  operation('codepipeline:GetJobDetails', {
    effect: 'read',
    needs: () => [{ action: 'codepipeline:GetJobDetails', resources: ['*'] }],
    async handle({ jobId }, context) {
      const { execution, action } = await findJob(store, context, jobId);
      const structure = await readStructure(store, execution.key, execution.document.version);
      if (!structure) throw new ServiceError('JobNotFoundException', `No job was found with id ${jobId}.`, {}, 'absent');
      return { jobDetails: { id: jobId, accountId: context.account, data: jobDataOf(execution.document, structure, action) } };
    },
  });
