import type { AliasConfiguration, AliasRoutingConfiguration } from '../../../contract/generated/lambda.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import type { ResourceKey } from '../../../platform/resource-key.ts';
import { absentError, existsError } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Write } from '../../../platform/store/port.ts';
import { listRows, type Read, readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import type { FunctionsPorts } from '../ports.ts';
import { type AliasDocument, FUNCTION_ALIAS, functionArn } from '../resources.ts';
import { checkRevision, functionWrite } from '../revisions.ts';
import { aliasKey, findVersion, functionNeed, namedFunction, readFunction } from '../runnable.ts';

const PAGE_SIZE = 50;

export const aliasOperations = (ports: FunctionsPorts): AnyOperation[] => [
  createAlias(ports),
  updateAlias(ports),
  getAlias(ports),
  deleteAlias(ports),
  listAliases(ports),
];

const aliasAnswer = (context: OperationContext, name: string, { ...alias }: AliasDocument): AliasConfiguration => ({
  AliasArn: functionArn(context, name, alias.Name),
  Name: alias.Name,
  FunctionVersion: alias.FunctionVersion,
  Description: alias.Description,
  RevisionId: alias.RevisionId,
  ...(alias.weights &&
    Object.keys(alias.weights).length > 0 && { RoutingConfig: { AdditionalVersionWeights: { ...alias.weights } } }),
});

const aliasWrite = (key: ResourceKey, name: string, document: AliasDocument, nowMs: number): Write =>
  writeOf(key, document, { parent: name, facet: document.FunctionVersion, createdAtMs: nowMs, modifiedAtMs: nowMs });

/** Other versions that get a share of the invocations; they must exist, and the rest stays with the alias's own. */
async function checkedWeights(
  { store }: FunctionsPorts,
  context: OperationContext,
  name: string,
  config: AliasRoutingConfiguration | undefined,
): Promise<Pick<AliasDocument, 'weights'>> {
  if (!config) return {};
  const weights = config.AdditionalVersionWeights ?? {};
  if (Object.keys(weights).length > 1) {
    throw new ServiceError(
      'InvalidParameterValueException',
      `AdditionalVersionWeights ${JSON.stringify(weights)} is not valid: name one other version.`,
    );
  }
  for (const qualifier of Object.keys(weights)) await findVersion(store, context, { name, qualifier });
  return { weights };
}

const createAlias = (ports: FunctionsPorts) =>
  operation('lambda:CreateAlias', {
    effect: 'change',
    needs: functionNeed('lambda:CreateAlias'),
    async handle(input, context) {
      const { name } = namedFunction(input.FunctionName, undefined, context);
      const key = aliasKey(context, name, input.Name);
      const document: AliasDocument = {
        Name: input.Name,
        FunctionVersion: input.FunctionVersion,
        Description: input.Description ?? '',
        RevisionId: context.requestId,
        ...(await checkedWeights(ports, context, name, input.RoutingConfig)),
      };
      return decideAndCommit(ports.store, async () => {
        const { row } = await findVersion(ports.store, context, { name, qualifier: input.FunctionVersion });
        const existing = await readRow<AliasDocument>(ports.store, key);
        const result = aliasAnswer(context, name, document);
        if (existing?.document.RevisionId === context.requestId) return { result };
        if (existing) throw existsError(FUNCTION_ALIAS, context, `${name}:${input.Name}`);
        return {
          result,
          commit: {
            expect: [
              { key, version: 0 },
              { key: row.key, version: row.version },
            ],
            // the function's row too: its deletion at the same time must see the alias
            write: [functionWrite(row.key, row.document, context.nowMs), aliasWrite(key, name, document, context.nowMs)],
            ledger: [aliasEntry(context, name, undefined, document)],
          },
        };
      });
    },
  });

const updateAlias = (ports: FunctionsPorts) =>
  operation('lambda:UpdateAlias', {
    effect: 'change',
    needs: functionNeed('lambda:UpdateAlias'),
    async handle(input, context) {
      const { name } = namedFunction(input.FunctionName, undefined, context);
      const key = aliasKey(context, name, input.Name);
      return decideAndCommit(ports.store, async () => {
        const before = await existingAlias(ports, context, name, input.Name);
        if (before.document.RevisionId === context.requestId) return { result: aliasAnswer(context, name, before.document) };
        checkRevision(input.RevisionId, before.document.RevisionId);
        const qualifier = input.FunctionVersion ?? before.document.FunctionVersion;
        const { row } = await findVersion(ports.store, context, { name, qualifier });
        const document: AliasDocument = {
          ...before.document,
          ...(input.FunctionVersion !== undefined && { FunctionVersion: input.FunctionVersion }),
          ...(input.Description !== undefined && { Description: input.Description }),
          ...(await checkedWeights(ports, context, name, input.RoutingConfig)),
          RevisionId: context.requestId,
        };
        return {
          result: aliasAnswer(context, name, document),
          commit: {
            expect: [
              { key, version: before.version },
              { key: row.key, version: row.version },
            ],
            // as above: the deletion of a version at the same time must see what the alias names now
            write: [functionWrite(row.key, row.document, context.nowMs), aliasWrite(key, name, document, context.nowMs)],
            ledger: [aliasEntry(context, name, before.document, document)],
          },
        };
      });
    },
  });

async function existingAlias(
  ports: FunctionsPorts,
  context: OperationContext,
  name: string,
  alias: string,
): Promise<Read<AliasDocument>> {
  await readFunction(ports.store, context, name);
  const row = await readRow<AliasDocument>(ports.store, aliasKey(context, name, alias));
  if (!row) throw absentError(FUNCTION_ALIAS, context, `${name}:${alias}`);
  return row;
}

const aliasEntry = (
  context: OperationContext,
  name: string,
  before: AliasDocument | undefined,
  after: AliasDocument | undefined,
) => entryOf(context, context.operation, [functionArn(context, name, (before ?? after)?.Name)], changedMembers(before, after));

const getAlias = (ports: FunctionsPorts) =>
  operation('lambda:GetAlias', {
    effect: 'read',
    needs: functionNeed('lambda:GetAlias'),
    async handle(input, context) {
      const { name } = namedFunction(input.FunctionName, undefined, context);
      return aliasAnswer(context, name, (await existingAlias(ports, context, name, input.Name)).document);
    },
  });

const deleteAlias = (ports: FunctionsPorts) =>
  operation('lambda:DeleteAlias', {
    effect: 'change',
    needs: functionNeed('lambda:DeleteAlias'),
    async handle(input, context) {
      const { name } = namedFunction(input.FunctionName, undefined, context);
      const key = aliasKey(context, name, input.Name);
      return decideAndCommit(ports.store, async () => {
        const row = await readRow<AliasDocument>(ports.store, key);
        if (!row) return { result: {} }; // as on AWS: deleting what is not there is no fault
        return {
          result: {},
          commit: {
            expect: [{ key, version: row.version }],
            remove: [key],
            ledger: [aliasEntry(context, name, row.document, undefined)],
          },
        };
      });
    },
  });

const listAliases = (ports: FunctionsPorts) =>
  operation('lambda:ListAliases', {
    effect: 'read',
    needs: functionNeed('lambda:ListAliases'),
    async handle(input, context) {
      const { name } = namedFunction(input.FunctionName, undefined, context);
      await readFunction(ports.store, context, name);
      const page = await listRows<AliasDocument>(ports.store, {
        account: context.account,
        region: context.region,
        kind: FUNCTION_ALIAS.kind,
        parent: name,
        ...(input.FunctionVersion !== undefined && { facet: input.FunctionVersion }),
        sortBy: 'name',
        order: 'ascending',
        after: decodePageToken(input.Marker),
        limit: input.MaxItems ?? PAGE_SIZE,
      });
      return {
        Aliases: page.rows.map(({ document }) => aliasAnswer(context, name, document)),
        NextMarker: encodePageToken(page.next),
      };
    },
  });
