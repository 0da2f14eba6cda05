import type {
  CreatePipelineRequest,
  PipelineDefinitionS3Location,
  UpdatePipelineRequest,
} from '../../../contract/generated/sagemaker.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { requestDigest, tokenMismatch } from '../../../platform/idempotency.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { readObjectText } from '../../../platform/objects/read-object-text.ts';
import { arnOf, existsError } from '../../../platform/resources/declaration.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Write } from '../../../platform/store/port.ts';
import { listRows, readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import { userContext } from '../../../platform/calls/user-context.ts';
import type { CheckOptions } from '../../../../sdk/definition/index.ts';
import { aliasesLacking, readVersion } from './read-pipelines.ts';
import { compileDefinition, digestOf } from '../definitions.ts';
import { isPassing } from '../../../platform/errors/passing.ts';
import { pipelineArn, pipelineNameOf, readPipeline } from '../names.ts';
import type { PipelinePorts } from '../ports.ts';
import { DEFINITION_BYTES_MAX } from '../read-files.ts';
import {
  type DefinitionDocument,
  definitionKey,
  incarnationOf,
  PIPELINE,
  pipelineKey,
  type PipelineDocument,
  REMAINS_RECONCILER,
  remainsKey,
  UNSETTLED,
  type VersionDocument,
  versionKey,
} from '../resources.ts';

export const createPipeline = (ports: PipelinePorts, check: CheckOptions) =>
  operation('sagemaker:CreatePipeline', {
    effect: 'change',
    needs: async (input, context) => [
      { action: 'sagemaker:CreatePipeline', resources: [pipelineArn(context, input.PipelineName)] },
      ...(await passRoleNeeds(ports.roles, context.account, input.RoleArn)),
    ],
    async handle(input, context) {
      refuseAliases(input);
      const text = await definitionText(ports, input, context);
      if (text === undefined)
        throw new ServiceError(
          'ValidationException',
          'Either PipelineDefinition or PipelineDefinitionS3Location has to be given.',
        );
      compileDefinition(text, check);
      const key = pipelineKey(context, input.PipelineName);
      return decideAndCommit(ports.store, async () => {
        const existing = await readRow<PipelineDocument>(ports.store, key);
        if (existing && isRepeated(existing.document, input, text, context))
          return { result: { PipelineArn: existing.document.arn } };
        if (existing) throw existsError(PIPELINE, context, input.PipelineName);
        const document = newPipeline(input, text, context);
        const tags = tagsWrite(document.arn, input.Tags, context.nowMs);
        const definition = await definitionWrite(ports, context, document, text);
        return {
          result: { PipelineArn: document.arn },
          commit: {
            expect: [{ key, version: 0 }, ...definition.expect],
            write: [
              pipelineWrite(context, document),
              versionWrite(context, document),
              ...definition.write,
              ...(tags ? [tags] : []),
            ],
            refer: definition.refer,
            ledger: [entryOf(context, context.operation, [document.arn], changedMembers(undefined, pick(document)))],
          },
        };
      });
    },
  });

/** The same token with the same request is the same call, sent twice, also after updates; with another request it is refused. */
function isRepeated(
  document: PipelineDocument,
  input: CreatePipelineRequest,
  text: string,
  { operation: name }: OperationContext,
): boolean {
  if (document.createToken !== input.ClientRequestToken) return false;
  const { createDigest, definitionDigest, versionId } = document;
  const isSame =
    createDigest === undefined
      ? definitionDigest === digestOf(text) && versionId === 1
      : createDigest === createDigestOf(input, text);
  if (!isSame) throw tokenMismatch(name, document.createToken);
  return true;
}

/** The text counts, not where it was read: what stands in S3 may be another definition by now. */
function createDigestOf(input: CreatePipelineRequest, text: string): string {
  const { ClientRequestToken: _token, PipelineDefinition: _inline, PipelineDefinitionS3Location: _location, ...rest } = input;
  return requestDigest({ ...rest, definition: digestOf(text) });
}

function newPipeline(input: CreatePipelineRequest, text: string, context: OperationContext): PipelineDocument {
  return {
    name: input.PipelineName,
    arn: arnOf(PIPELINE, context, input.PipelineName),
    displayName: input.PipelineDisplayName ?? input.PipelineName,
    ...(input.PipelineDescription !== undefined && { description: input.PipelineDescription }),
    roleArn: input.RoleArn,
    definitionDigest: digestOf(text),
    versionId: 1,
    ...(input.ParallelismConfiguration && { maxParallelSteps: input.ParallelismConfiguration.MaxParallelExecutionSteps }),
    createToken: input.ClientRequestToken ?? '',
    createDigest: createDigestOf(input, text),
    createdAtMs: context.nowMs,
    modifiedAtMs: context.nowMs,
    createdBy: userContext(context),
    modifiedBy: userContext(context),
  };
}

export const pipelineWrite = (context: OperationContext, document: PipelineDocument): Write =>
  writeOf(pipelineKey(context, document.name), document, {
    createdAtMs: document.createdAtMs,
    modifiedAtMs: document.modifiedAtMs,
  });

function versionWrite(context: OperationContext, pipeline: PipelineDocument): Write {
  const { versionId, definitionDigest } = pipeline;
  const document: VersionDocument = { versionId, definitionDigest, createdAtMs: context.nowMs };
  const times = { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs };
  return writeOf(versionKey(context, pipeline, versionId), document, {
    parent: incarnationOf(pipeline),
    ordinal: versionId,
    ...times,
  });
}

/**
 * One row per text, whoever uses it. It is written with every version that refers to it, though the text stays the same: who removes it
 * because nobody referred to it (reconcile-remains.ts) then meets a conflict.
 */
async function definitionWrite(ports: PipelinePorts, context: OperationContext, pipeline: PipelineDocument, text: string) {
  const key = definitionKey(context, pipeline.definitionDigest);
  const row = await readRow<DefinitionDocument>(ports.store, key);
  const document: DefinitionDocument = row?.document ?? { text, referred: true };
  const createdAtMs = row?.index.createdAtMs ?? context.nowMs;
  return {
    expect: [{ key, version: row?.version ?? 0 }],
    write: [writeOf(key, document, { createdAtMs, modifiedAtMs: context.nowMs })],
    refer: [{ from: versionKey(context, pipeline, pipeline.versionId), to: key }],
  };
}

/** What the ledger says of a pipeline. */
function pick(document: PipelineDocument) {
  const { displayName, description, roleArn, definitionDigest, versionId, maxParallelSteps } = document;
  return { displayName, description, roleArn, definitionDigest, versionId, maxParallelSteps };
}

function refuseAliases(input: { PipelineVersionAliases?: string[] }): void {
  if (!input.PipelineVersionAliases || input.PipelineVersionAliases.length === 0) return;
  throw new ServiceError(
    'NotImplementedException',
    'Aliases of pipeline versions (PipelineVersionAliases) are not implemented yet. Leave them out.',
  );
}

interface DefinitionInput {
  readonly PipelineDefinition?: string;
  readonly PipelineDefinitionS3Location?: PipelineDefinitionS3Location;
}

/** The text given inline or in S3, read with the rights of the caller. */
async function definitionText(
  ports: PipelinePorts,
  input: DefinitionInput,
  context: OperationContext,
): Promise<string | undefined> {
  const { PipelineDefinition: inline, PipelineDefinitionS3Location: location } = input;
  if (inline !== undefined && location !== undefined) {
    throw new ServiceError(
      'ValidationException',
      'Only one of PipelineDefinition and PipelineDefinitionS3Location may be given, not both.',
    );
  }
  if (!location) return inline;
  const object = {
    Bucket: location.Bucket,
    Key: location.ObjectKey,
    ...(location.VersionId !== undefined && { VersionId: location.VersionId }),
  };
  const origin = { region: context.region, requestId: context.requestId };
  try {
    return await readObjectText({ calls: ports.calls, principal: context.principal, origin }, object, DEFINITION_BYTES_MAX);
  } catch (error) {
    if (!(error instanceof ServiceError) || isPassing(error)) throw error;
    const uri = `s3://${object.Bucket}/${object.Key}`;
    throw new ServiceError('ValidationException', `The pipeline definition could not be read from ${uri}: ${error.message}`);
  }
}

export const updatePipeline = (ports: PipelinePorts, check: CheckOptions) =>
  operation('sagemaker:UpdatePipeline', {
    effect: 'change',
    needs: async (input, context) => [
      { action: 'sagemaker:UpdatePipeline', resources: [pipelineArn(context, input.PipelineName)] },
      ...(await passRoleNeeds(ports.roles, context.account, input.RoleArn)),
    ],
    async handle(input, context) {
      refuseAliases(input);
      const text = await definitionText(ports, input, context);
      if (text !== undefined) compileDefinition(text, check);
      return decideAndCommit(ports.store, async () => {
        const { key, version, document } = await readPipeline(ports.store, context, input.PipelineName);
        const after = updated(document, input, text, context);
        const isNewVersion = after.versionId !== document.versionId;
        const definition = isNewVersion && text !== undefined ? await definitionWrite(ports, context, after, text) : undefined;
        return {
          result: { PipelineArn: document.arn, PipelineVersionId: after.versionId },
          commit: {
            expect: [{ key, version }, ...(definition?.expect ?? [])],
            write: [
              pipelineWrite(context, after),
              ...(isNewVersion ? [versionWrite(context, after)] : []),
              ...(definition?.write ?? []),
            ],
            refer: definition?.refer ?? [],
            ledger: [entryOf(context, context.operation, [document.arn], changedMembers(pick(document), pick(after)))],
          },
        };
      });
    },
  });

/** A definition that differs is a new version; running executions keep theirs. */
function updated(
  document: PipelineDocument,
  input: UpdatePipelineRequest,
  text: string | undefined,
  context: OperationContext,
): PipelineDocument {
  const digest = text === undefined ? document.definitionDigest : digestOf(text);
  return {
    ...document,
    ...(input.PipelineDisplayName !== undefined && { displayName: input.PipelineDisplayName }),
    ...(input.PipelineDescription !== undefined && { description: input.PipelineDescription }),
    ...(input.RoleArn !== undefined && { roleArn: input.RoleArn }),
    ...(input.ParallelismConfiguration && { maxParallelSteps: input.ParallelismConfiguration.MaxParallelExecutionSteps }),
    definitionDigest: digest,
    versionId: digest === document.definitionDigest ? document.versionId : document.versionId + 1,
    modifiedAtMs: context.nowMs,
    modifiedBy: userContext(context),
  };
}

export const updatePipelineVersion = (ports: PipelinePorts) =>
  operation('sagemaker:UpdatePipelineVersion', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'sagemaker:UpdatePipelineVersion', resources: [pipelineArn(context, input.PipelineArn)] },
    ],
    handle: (input, context) =>
      decideAndCommit(ports.store, async () => {
        if (input.PipelineVersionAliasOperations) throw aliasesLacking();
        const { document: pipeline } = await readPipeline(ports.store, context, input.PipelineArn);
        const row = await readVersion(ports.store, context, pipeline, input.PipelineVersionId);
        const after: VersionDocument = {
          ...row.document,
          ...(input.PipelineVersionDisplayName !== undefined && { displayName: input.PipelineVersionDisplayName }),
          ...(input.PipelineVersionDescription !== undefined && { description: input.PipelineVersionDescription }),
        };
        return {
          result: { PipelineArn: pipeline.arn, PipelineVersionId: after.versionId },
          commit: {
            expect: [{ key: row.key, version: row.version }],
            write: [writeOf(row.key, after, { ...row.index, modifiedAtMs: context.nowMs })],
            ledger: [entryOf(context, context.operation, [pipeline.arn], changedMembers(row.document, after))],
          },
        };
      }),
  });

export const deletePipeline = (ports: PipelinePorts) =>
  operation('sagemaker:DeletePipeline', {
    effect: 'change',
    needs: (input, context) => [{ action: 'sagemaker:DeletePipeline', resources: [pipelineArn(context, input.PipelineName)] }],
    handle: (input, context) =>
      decideAndCommit(ports.store, async (count) => {
        const { store } = ports;
        const arn = pipelineArn(context, input.PipelineName);
        // our own removal, whose answer was lost
        if (count > 0 && !(await store.get(pipelineKey(context, pipelineNameOf(context, input.PipelineName)))))
          return { result: { PipelineArn: arn } };
        const { key, version, document } = await readPipeline(store, context, input.PipelineName);
        await refuseRunning(ports, context, document);
        const remains = remainsKey(context, document);
        const tags = await store.get(tagsKey(document.arn));
        return {
          result: { PipelineArn: document.arn },
          commit: {
            // a start writes the pipeline's row too, so none can slip in between
            expect: [{ key, version }, { key: remains, version: 0 }, ...(tags ? [{ key: tags.key, version: tags.version }] : [])],
            remove: [key, ...(tags ? [tags.key] : [])],
            write: [writeOf(remains, {}, { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs })],
            timers: [{ reconciler: REMAINS_RECONCILER, key: remains, dueAtMs: context.nowMs }],
            ledger: [entryOf(context, context.operation, [document.arn], changedMembers(pick(document), undefined))],
          },
        };
      }),
  });

async function refuseRunning({ store }: PipelinePorts, context: OperationContext, pipeline: PipelineDocument): Promise<void> {
  for (const status of UNSETTLED) {
    const { account, region } = context;
    const query = { account, region, kind: 'PipelineExecution', parent: incarnationOf(pipeline), status } as const;
    const { rows } = await listRows<{ arn: string }>(store, { ...query, sortBy: 'created', order: 'ascending', limit: 1 });
    const running = rows[0];
    if (!running) continue;
    const text = `Pipeline ${pipeline.arn} has a running execution, ${running.document.arn} (${status})`;
    throw new ServiceError('ConflictException', `${text}. Stop it or wait for its end before deleting the pipeline.`);
  }
}
