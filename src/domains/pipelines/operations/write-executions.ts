import { createHash } from 'node:crypto';
import type { StartPipelineExecutionRequest } from '../../../contract/generated/sagemaker.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { arnOf } from '../../../platform/resources/declaration.ts';
import { tagsKey } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Store } from '../../../platform/store/port.ts';
import { readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import { userContext } from '../../../platform/calls/user-context.ts';
import { CACHE_MODE_TAG, type ParameterValue, resolveParameters } from '../../../../sdk/definition/index.ts';
import { toBase36 } from '../decide-names.ts';
import { type Compiled, type Definitions, digestOf } from '../definitions.ts';
import { executionOf, pipelineArn, readExecution, readPipeline } from '../names.ts';
import type { PipelinePorts } from '../ports.ts';
import {
  EXECUTION_RECONCILER,
  type ExecutionDocument,
  executionIndex,
  executionKey,
  executionName,
  incarnationOf,
  PIPELINE_EXECUTION,
  type PipelineDocument,
} from '../resources.ts';
import { executionEvent } from '../transitions.ts';
import { aliasesLacking, readVersion } from './read-pipelines.ts';
import { selectiveOf } from './selective-execution.ts';
import { pipelineWrite } from './write-pipelines.ts';

const ID_LENGTH = 12;

export const startPipelineExecution = (ports: PipelinePorts, definitions: Definitions) =>
  operation('sagemaker:StartPipelineExecution', {
    effect: 'change',
    needs: async (input, context) => [
      { action: 'sagemaker:StartPipelineExecution', resources: [pipelineArn(context, input.PipelineName)] },
      ...(await passRoleNeeds(ports.roles, context.account, input.RoleArn)),
    ],
    handle: (input, context) =>
      decideAndCommit(ports.store, async () => {
        if (input.PipelineVersionAlias !== undefined) throw aliasesLacking();
        const { key: pipelineRow, version, document: pipeline } = await readPipeline(ports.store, context, input.PipelineName);
        // The id comes from the token, so that the same call sent twice finds the execution of the first.
        const executionId = executionIdOf(pipeline, input.ClientRequestToken ?? context.requestId);
        const key = executionKey(context, pipeline.name, executionId);
        const requestDigest = requestDigestOf(input);
        const existing = await readRow<ExecutionDocument>(ports.store, key);
        if (existing) return { result: { PipelineExecutionArn: repeated(existing.document, requestDigest) } };
        const digest =
          input.PipelineVersionId === undefined
            ? pipeline.definitionDigest
            : (await readVersion(ports.store, context, pipeline, input.PipelineVersionId)).document.definitionDigest;
        const compiled = await definitions.compiled(context, digest);
        const document = newExecution(input, context, pipeline, {
          executionId,
          requestDigest,
          digest,
          ...parametersOf(input, compiled),
          ...(await selectiveOf(ports.store, context, pipeline, compiled, input.SelectiveExecutionConfig)),
          ...(await cacheModeOf(ports.store, pipeline)),
        });
        const started = { ...pipeline, lastRunAtMs: Math.max(context.nowMs, pipeline.lastRunAtMs ?? 0) };
        const { displayName, description, versionId, roleArn, parameters } = document;
        return {
          result: { PipelineExecutionArn: document.arn },
          commit: {
            expect: [
              { key: pipelineRow, version },
              { key, version: 0 },
            ],
            write: [pipelineWrite(context, started), writeOf(key, document, executionIndex(document, incarnationOf(pipeline)))],
            timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: context.nowMs }],
            events: [executionEvent(key, undefined, document, context.nowMs)],
            ledger: [
              entryOf(
                context,
                context.operation,
                [document.arn],
                changedMembers(undefined, {
                  status: document.status,
                  displayName,
                  description,
                  versionId,
                  definitionDigest: digest,
                  roleArn,
                  parameters,
                  selective: document.selective,
                  cacheMode: document.cacheMode,
                }),
              ),
            ],
          },
        };
      }),
  });

async function cacheModeOf(store: Store, pipeline: PipelineDocument): Promise<Pick<ExecutionDocument, 'cacheMode'>> {
  const row = await store.get<{ tags: { Key: string; Value: string }[] }>(tagsKey(pipeline.arn));
  const value = row?.document.tags.find(({ Key }) => Key === CACHE_MODE_TAG)?.Value;
  if (value === undefined || value === 'documented') return {};
  if (value === 'content') return { cacheMode: 'content' };
  const text = `The tag ${CACHE_MODE_TAG} of pipeline ${pipeline.name} is "${value}"`;
  throw new ServiceError('ValidationException', `${text}, but must be "content" or "documented". Change or remove it.`);
}

const executionIdOf = (pipeline: PipelineDocument, token: string): string =>
  toBase36(digestOf(JSON.stringify([pipeline.arn, pipeline.createdAtMs, token])), ID_LENGTH);

function requestDigestOf(input: StartPipelineExecutionRequest): string {
  const { PipelineName: _name, ClientRequestToken: _token, ...rest } = input;
  return createHash('sha256')
    .update(JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex');
}

function repeated(existing: ExecutionDocument, requestDigest: string): string {
  if (existing.requestDigest === requestDigest) return existing.arn;
  const text = `ClientRequestToken was already used to start ${existing.arn} with other parameters`;
  throw new ServiceError('ConflictException', `${text}. Use a new token for a new execution.`);
}

interface StartedParameters {
  readonly parameters: { Name: string; Value: string }[];
  readonly values: Record<string, ParameterValue>;
}

/** Typed by declaration; shown as they were given. */
function parametersOf(input: StartPipelineExecutionRequest, { parameters: declared }: Compiled): StartedParameters {
  const given = new Map((input.PipelineParameters ?? []).map(({ Name, Value }) => [Name, Value]));
  const resolved = resolveParameters(declared, input.PipelineParameters ?? []);
  if (resolved.problems) {
    const text = resolved.problems.map(({ message }) => message).join(' ');
    throw new ServiceError('ValidationException', `The pipeline parameters are not valid. ${text}`);
  }
  const parameters = [...declared.keys()].map((Name) => ({ Name, Value: given.get(Name) ?? String(resolved.values.get(Name)) }));
  return { parameters, values: Object.fromEntries(resolved.values) };
}

function newExecution(
  input: StartPipelineExecutionRequest,
  context: OperationContext,
  pipeline: PipelineDocument,
  facts: StartedParameters &
    Pick<ExecutionDocument, 'executionId' | 'requestDigest' | 'selective' | 'cacheMode'> & { readonly digest: string },
): ExecutionDocument {
  const { executionId, requestDigest, digest, parameters, values, selective, cacheMode } = facts;
  const maxParallelSteps = input.ParallelismConfiguration?.MaxParallelExecutionSteps ?? pipeline.maxParallelSteps;
  return {
    pipelineName: pipeline.name,
    pipelineArn: pipeline.arn,
    executionId,
    arn: arnOf(PIPELINE_EXECUTION, context, executionName(pipeline.name, executionId)),
    versionId: input.PipelineVersionId ?? pipeline.versionId,
    definitionDigest: digest,
    status: 'Executing',
    ...(input.PipelineExecutionDisplayName !== undefined && { displayName: input.PipelineExecutionDisplayName }),
    ...(input.PipelineExecutionDescription !== undefined && { description: input.PipelineExecutionDescription }),
    parameters,
    values,
    roleArn: input.RoleArn ?? pipeline.roleArn,
    ...(maxParallelSteps !== undefined && { maxParallelSteps }),
    startedBy: context.principal,
    requestDigest,
    ...(selective && { selective }),
    ...(cacheMode && { cacheMode }),
    createdAtMs: context.nowMs,
    modifiedAtMs: context.nowMs,
    createdBy: userContext(context),
    modifiedBy: userContext(context),
  };
}

export const stopPipelineExecution = (ports: PipelinePorts) =>
  operation('sagemaker:StopPipelineExecution', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'sagemaker:StopPipelineExecution', resources: [executionOf(context, input.PipelineExecutionArn).arn] },
    ],
    handle: (input, context) =>
      decideAndCommit(ports.store, async () => {
        const { key, version, document, index } = await readExecution(ports.store, context, input.PipelineExecutionArn);
        const result = { PipelineExecutionArn: document.arn };
        if (document.status === 'Stopping' || document.status === 'Stopped') return { result };
        if (document.status !== 'Executing') {
          const text = `Pipeline execution ${document.arn} is in status ${document.status}`;
          throw new ServiceError(
            'ConflictException',
            `${text} and cannot be stopped. Only an execution in status Executing can be stopped.`,
          );
        }
        const after: ExecutionDocument = {
          ...document,
          status: 'Stopping',
          modifiedAtMs: context.nowMs,
          modifiedBy: userContext(context),
        };
        return {
          result,
          commit: {
            expect: [{ key, version }],
            write: [writeOf(key, after, executionIndex(after, index.parent ?? ''))],
            timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: context.nowMs }],
            events: [executionEvent(key, document, after, context.nowMs)],
            ledger: [entryOf(context, context.operation, [document.arn], { status: ['Executing', 'Stopping'] })],
          },
        };
      }),
  });

export const updatePipelineExecution = (ports: PipelinePorts) =>
  operation('sagemaker:UpdatePipelineExecution', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'sagemaker:UpdatePipelineExecution', resources: [executionOf(context, input.PipelineExecutionArn).arn] },
    ],
    handle: (input, context) =>
      decideAndCommit(ports.store, async () => {
        const { key, version, document, index } = await readExecution(ports.store, context, input.PipelineExecutionArn);
        const after: ExecutionDocument = {
          ...document,
          ...(input.PipelineExecutionDisplayName !== undefined && { displayName: input.PipelineExecutionDisplayName }),
          ...(input.PipelineExecutionDescription !== undefined && { description: input.PipelineExecutionDescription }),
          ...(input.ParallelismConfiguration && { maxParallelSteps: input.ParallelismConfiguration.MaxParallelExecutionSteps }),
          modifiedAtMs: context.nowMs,
          modifiedBy: userContext(context),
        };
        const unsettled = document.status === 'Executing' || document.status === 'Stopping';
        const shown = ({ displayName, description, maxParallelSteps }: ExecutionDocument) => ({
          displayName,
          description,
          maxParallelSteps,
        });
        return {
          result: { PipelineExecutionArn: document.arn },
          commit: {
            expect: [{ key, version }],
            write: [writeOf(key, after, executionIndex(after, index.parent ?? ''))],
            ...(unsettled && { timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: context.nowMs }] }),
            ledger: [entryOf(context, context.operation, [document.arn], changedMembers(shown(document), shown(after)))],
          },
        };
      }),
  });
