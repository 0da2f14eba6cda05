import type { PipelineDeclaration, PipelineMetadata } from '../../../contract/generated/codepipeline.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { requestDigest } from '../../../platform/idempotency.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { existsError, placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows, readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import { checkStructure, parseEnvironment, withDefaults } from '../decide-structure.ts';
import { uuidOf } from '../names.ts';
import { SERVICE } from '../perform.ts';
import type { DeliveryPorts } from '../ports.ts';
import {
  DELIVERY_PIPELINE,
  incarnationOf,
  lineKey,
  pipelineArn,
  type PipelineDocument,
  pipelineKey,
  pipelineWrite,
  REMAINS_RECONCILER,
  remainsKey,
  type VersionDocument,
  versionKey,
} from '../resources.ts';
import { readPipeline } from '../rows.ts';
import { sourceChanges } from '../source-rows.ts';
import { merged, newPipelineParts } from '../start-execution.ts';
import { checkedTagList } from './tags.ts';

const PAGE = 100;

export const createPipeline = (ports: DeliveryPorts) =>
  operation('codepipeline:CreatePipeline', {
    effect: 'change',
    needs: ({ pipeline }, context) => changeNeeds(ports, 'codepipeline:CreatePipeline', pipeline, context),
    async handle({ pipeline, tags = [] }, context) {
      refuse(checkStructure(pipeline, context.region));
      await checkRoles(ports, pipeline, context);
      const tagged = checkedTagList(tags);
      const { name } = pipeline;
      const arn = pipelineArn(context, name);
      const document: PipelineDocument = {
        name,
        arn,
        declaration: withDefaults(pipeline, 1),
        version: 1,
        ...(context.principal.sessionPolicy && { restricted: true }),
        createdAtMs: context.nowMs,
        updatedAtMs: context.nowMs,
      };
      const result = { pipeline: document.declaration, ...(tags.length > 0 && { tags }) };
      return decideAndCommit(ports.store, async (count) => {
        const existing = await readRow<PipelineDocument>(ports.store, pipelineKey(context, name));
        if (count > 0 && existing && requestDigest(existing.document) === requestDigest(document)) return { result };
        if (existing) throw existsError(DELIVERY_PIPELINE, context, name);
        const executionId = uuidOf('create', incarnationOf(document), context.requestId);
        const tagRow = tagsWrite(arn, tagged, context.nowMs);
        const parts = merged(
          {
            expect: [{ key: pipelineKey(context, name), version: 0 }],
            write: [pipelineWrite(context, document), versionWrite(context, document), ...(tagRow ? [tagRow] : [])],
            ledger: [entryOf(context, context.operation, [arn], changedMembers(undefined, ledgerOf(document)))],
          },
          await sourceChanges(ports.store, context, document, context.nowMs, executionId),
          // AWS runs a pipeline once when it is made
          newPipelineParts(context, document, executionId, context.principal.arn, context.nowMs),
        );
        return { commit: parts, result };
      });
    },
  });

export const updatePipeline = (ports: DeliveryPorts) =>
  operation('codepipeline:UpdatePipeline', {
    effect: 'change',
    needs: ({ pipeline }, context) => changeNeeds(ports, 'codepipeline:UpdatePipeline', pipeline, context),
    async handle({ pipeline }, context) {
      refuse(checkStructure(pipeline, context.region));
      await checkRoles(ports, pipeline, context);
      return decideAndCommit(ports.store, async () => {
        const row = await readRow<PipelineDocument>(ports.store, pipelineKey(context, pipeline.name));
        if (!row) throw nothingToUpdate(context, pipeline.name);
        const { key, version, document: before } = row;
        const document: PipelineDocument = {
          ...before,
          declaration: withDefaults(pipeline, before.version + 1),
          version: before.version + 1,
          restricted: context.principal.sessionPolicy !== undefined,
          updatedAtMs: context.nowMs,
        };
        const parts = merged(
          {
            expect: [{ key, version }],
            write: [pipelineWrite(context, document), versionWrite(context, document)],
            ledger: [entryOf(context, context.operation, [before.arn], changedMembers(ledgerOf(before), ledgerOf(document)))],
          },
          await sourceChanges(ports.store, context, document, context.nowMs),
        );
        return { commit: parts, result: { pipeline: document.declaration } };
      });
    },
  });

/** Another code than that of other operations: PipelineNotFoundException is none of this one's errors. */
const nothingToUpdate = ({ account }: OperationContext, name: string): ServiceError =>
  new ServiceError(
    'ResourceNotFoundException',
    `The account with id '${account}' does not include a pipeline with the name '${name}'`,
    {},
    'absent',
  );

export const getPipeline = ({ store }: DeliveryPorts) =>
  operation('codepipeline:GetPipeline', {
    effect: 'read',
    needs: ({ name }, context) => [{ action: 'codepipeline:GetPipeline', resources: [pipelineArn(context, name)] }],
    async handle({ name, version }, context) {
      const { document } = await readPipeline(store, context, name);
      const asked = version ?? document.version;
      const key = versionKey(context, incarnationOf(document), asked);
      const row = asked === document.version ? document : (await readRow<VersionDocument>(store, key))?.document;
      if (!row) {
        throw new ServiceError('PipelineVersionNotFoundException', `The pipeline ${name} has no version ${asked}.`);
      }
      const metadata: PipelineMetadata = {
        pipelineArn: document.arn,
        created: document.createdAtMs,
        updated: document.updatedAtMs,
      };
      return { pipeline: row.declaration, metadata };
    },
  });

export const listPipelines = ({ store }: DeliveryPorts) =>
  operation('codepipeline:ListPipelines', {
    effect: 'read',
    needs: (_input, context) => [{ action: 'codepipeline:ListPipelines', resources: [pipelineArn(context, '*')] }],
    async handle({ nextToken, maxResults }, context) {
      const page = await listRows<PipelineDocument>(store, {
        ...placeOf(context),
        kind: DELIVERY_PIPELINE.kind,
        sortBy: 'name',
        order: 'ascending',
        after: decodePageToken(nextToken, 'InvalidNextTokenException'),
        limit: maxResults ?? PAGE,
      });
      return {
        pipelines: page.rows.map(({ document: { name, version, declaration, createdAtMs, updatedAtMs } }) => ({
          name,
          version,
          pipelineType: declaration.pipelineType,
          executionMode: declaration.executionMode,
          created: createdAtMs,
          updated: updatedAtMs,
        })),
        ...(page.next && { nextToken: encodePageToken(page.next) }),
      };
    },
  });

/** What is not there is no fault, as on AWS. */
export const deletePipeline = ({ store }: DeliveryPorts) =>
  operation('codepipeline:DeletePipeline', {
    effect: 'change',
    needs: ({ name }, context) => [{ action: 'codepipeline:DeletePipeline', resources: [pipelineArn(context, name)] }],
    handle: ({ name }, context) =>
      decideAndCommit(store, async () => {
        const row = await readRow<PipelineDocument>(store, pipelineKey(context, name));
        if (!row) return { result: {} };
        const { key, version, document } = row;
        const incarnation = incarnationOf(document);
        const line = await store.get(lineKey(context, incarnation));
        const tags = await store.get(tagsKey(document.arn));
        const remains = remainsKey(context, incarnation);
        return {
          result: {},
          commit: {
            expect: [{ key, version }, ...[line, tags].flatMap((one) => (one ? [{ key: one.key, version: one.version }] : []))],
            remove: [key, ...[line, tags].flatMap((one) => (one ? [one.key] : []))],
            write: [writeOf(remains, {}, { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs })],
            timers: [{ reconciler: REMAINS_RECONCILER, key: remains, dueAtMs: context.nowMs }],
            ledger: [entryOf(context, context.operation, [document.arn], changedMembers(ledgerOf(document), undefined))],
          },
        };
      }),
  });

async function changeNeeds(
  ports: DeliveryPorts,
  action: 'codepipeline:CreatePipeline' | 'codepipeline:UpdatePipeline',
  pipeline: PipelineDeclaration,
  context: OperationContext,
): Promise<AuthorizationNeed[]> {
  const needs: AuthorizationNeed[] = [{ action, resources: [pipelineArn(context, pipeline.name)] }];
  for (const role of rolesOf(pipeline)) {
    needs.push(...(await passRoleNeeds(ports.roles, context.account, role, SERVICE)));
  }
  return needs;
}

/** Roles of rules too, though no condition is built: whoever may not pass one hears of that first. */
const rolesOf = ({ roleArn, stages }: PipelineDeclaration): Set<string> => {
  const named = stages.flatMap(({ actions, beforeEntry, onSuccess, onFailure }) => {
    const conditions = [beforeEntry, onSuccess, onFailure].flatMap((each) => each?.conditions ?? []);
    return [...actions, ...conditions.flatMap(({ rules = [] }) => rules)];
  });
  return new Set([roleArn, ...named.flatMap((each) => each.roleArn ?? [])]);
};

/** The pipeline's role must be there and trust CodePipeline. */
async function checkRoles(
  { roles }: DeliveryPorts,
  { roleArn, name }: PipelineDeclaration,
  context: OperationContext,
): Promise<void> {
  try {
    await roles.assume({ account: context.account, roleArn, service: SERVICE, sessionName: name });
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'ValidationException') throw error;
    const text = `CodePipeline is not authorized to perform AssumeRole on role ${roleArn}`;
    throw new ServiceError('InvalidStructureException', text);
  }
}

const versionWrite = (context: OperationContext, document: PipelineDocument) => {
  const { declaration, version } = document;
  const incarnation = incarnationOf(document);
  const kept: VersionDocument = { declaration };
  return writeOf(versionKey(context, incarnation, version), kept, {
    parent: incarnation,
    createdAtMs: context.nowMs,
    modifiedAtMs: context.nowMs,
    ordinal: version,
  });
};

/** Values of a build's variables and a function's parameters may be secrets that somebody wrote there: the ledger has names alone. */
function ledgerOf({ declaration }: PipelineDocument): JsonObject {
  const stages = declaration.stages.map((stage) => ({
    ...stage,
    actions: stage.actions.map((action) => ({
      ...action,
      ...(action.configuration && { configuration: shownConfiguration(action.configuration) }),
    })),
  }));
  return JSON.parse(JSON.stringify({ ...declaration, stages })) as JsonObject;
}

function shownConfiguration({ UserParameters: _text, ...configuration }: Record<string, string>): Record<string, string> {
  const { EnvironmentVariables: text } = configuration;
  const variables = text === undefined ? [] : parseEnvironment(text);
  if (text === undefined || typeof variables === 'string') return configuration;
  const names = variables.map(({ name, type }) => ({ name, type }));
  return { ...configuration, EnvironmentVariables: JSON.stringify(names) };
}
