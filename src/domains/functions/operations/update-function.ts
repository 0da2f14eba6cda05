import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import type { ResourceKey } from '../../../platform/resource-key.ts';
import { tagsKey } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Cursor, Row, Store, Write } from '../../../platform/store/port.ts';
import { type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { storeCode } from '../code.ts';
import { checkConfig, updatedConfig } from '../decide-config.ts';
import type { Environments } from '../environments.ts';
import type { FunctionsPorts } from '../ports.ts';
import {
  type AliasDocument,
  FUNCTION_ALIAS,
  FUNCTION_RECONCILER,
  FUNCTION_VERSION,
  functionArn,
  type FunctionConfig,
  type FunctionDocument,
  LATEST,
} from '../resources.ts';
import { auditable, checkRevision, described, functionWrite, newRevision } from '../revisions.ts';
import { fingerprintOf, functionNeed, namedFunction, readFunction, versionKey } from '../runnable.ts';
import { checkRole, LAMBDA_SERVICE } from './create-function.ts';
import { nextVersion } from './versions.ts';

const PAGE = 500;

export const updateOperations = (ports: FunctionsPorts, environments: Environments): AnyOperation[] => [
  updateFunctionCode(ports, environments),
  updateFunctionConfiguration(ports, environments),
  deleteFunction(ports, environments),
];

const updateFunctionCode = (ports: FunctionsPorts, environments: Environments) =>
  operation('lambda:UpdateFunctionCode', {
    effect: 'change',
    needs: functionNeed('lambda:UpdateFunctionCode'),
    async handle(input, context) {
      const { name } = namedFunction(input.FunctionName, undefined, context);
      await readFunction(ports.store, context, name); // before the code is looked at
      const code = await storeCode(ports, context, input);
      const revision = newRevision(ports, context, 'code');
      return change(ports, environments, context, name, {
        expected: input.RevisionId,
        publish: input.Publish === true,
        trial: input.DryRun === true,
        to: (before) => ({
          ...before,
          ...code,
          ...(input.Architectures && { Architectures: input.Architectures }),
          ...revision,
        }),
      });
    },
  });

const updateFunctionConfiguration = (ports: FunctionsPorts, environments: Environments) =>
  operation('lambda:UpdateFunctionConfiguration', {
    effect: 'change',
    needs: async (input, context) => [
      ...functionNeed('lambda:UpdateFunctionConfiguration')(input, context),
      ...(await passRoleNeeds(ports.roles, context.account, input.Role, LAMBDA_SERVICE)),
    ],
    async handle(input, context) {
      refuse(checkConfig(input));
      const { name } = namedFunction(input.FunctionName, undefined, context);
      await readFunction(ports.store, context, name);
      if (input.Role !== undefined) await checkRole(ports, context, input.Role, functionArn(context, name));
      const isWhole = input.Handler !== undefined && input.Environment?.Variables !== undefined;
      const revision = newRevision(ports, context, isWhole ? 'settings' : 'some-settings');
      return change(ports, environments, context, name, {
        expected: input.RevisionId,
        publish: false,
        trial: false,
        to: (before) => updatedConfig(before, input, revision),
      });
    },
  });

interface Change {
  /** The revision the caller thinks it changes. */
  readonly expected: string | undefined;
  readonly publish: boolean;
  /** Only says what would be. */
  readonly trial: boolean;
  readonly to: (before: FunctionConfig) => FunctionConfig;
}

async function change(
  ports: FunctionsPorts,
  environments: Environments,
  context: OperationContext,
  name: string,
  { expected, publish, trial, to }: Change,
) {
  const answer = await decideAndCommit(ports.store, async () => {
    const row = await readFunction(ports.store, context, name);
    const latest = to(row.document.latest);
    const ours = row.document.latest.RevisionId === latest.RevisionId;
    if (!ours) checkRevision(expected, row.document.latest.RevisionId);
    const after: FunctionDocument = { ...row.document, latest, LastUpdateStatus: 'InProgress' };
    const next = publish && !ours ? await nextVersion(ports, { ...row, document: after }, context.nowMs) : undefined;
    const result = described(ports, context, after, next?.version ?? LATEST, latest);
    if (trial || ours) return { result };
    const write: Write[] = next?.write.length ? next.write : [functionWrite(row.key, after, context.nowMs)];
    const changes = changedMembers(auditable(row.document), auditable(next?.after ?? after));
    return {
      result,
      commit: {
        expect: [{ key: row.key, version: row.version }],
        write,
        timers: [{ reconciler: FUNCTION_RECONCILER, key: row.key, dueAtMs: context.nowMs }],
        ledger: [entryOf(context, context.operation, [row.document.FunctionArn], changes)],
      },
    };
  });
  await retire(ports, environments, context, name);
  return answer;
}

/** Idle processes of what the function was are not needed any more; those of published versions are. */
async function retire(ports: FunctionsPorts, environments: Environments, context: OperationContext, name: string): Promise<void> {
  const { document } = await readFunction(ports.store, context, name);
  const latest = fingerprintOf(LATEST, document.latest);
  environments.retire(name, context, (fingerprint, version) => version !== LATEST || fingerprint === latest);
}

const deleteFunction = (ports: FunctionsPorts, environments: Environments) =>
  operation('lambda:DeleteFunction', {
    effect: 'change',
    needs: functionNeed('lambda:DeleteFunction'),
    async handle(input, context) {
      const { name, qualifier } = namedFunction(input.FunctionName, input.Qualifier, context);
      if (qualifier === LATEST) {
        throw new ServiceError(
          'InvalidParameterValueException',
          '$LATEST version cannot be deleted without deleting the function. Leave the qualifier out to delete the function.',
        );
      }
      if (qualifier !== undefined) {
        await deleteVersion(ports, context, name, qualifier);
        return { StatusCode: 204 };
      }
      await decideAndCommit(ports.store, async (count) => {
        const row = await readFunction(ports.store, context, name).catch((error: unknown) => {
          // gone by an attempt of ours whose answer was lost
          if (count > 0 && error instanceof ServiceError && error.finding === 'absent') return undefined;
          throw error;
        });
        if (!row) return { result: undefined };
        return { result: undefined, commit: await deletion(ports, context, row) };
      });
      environments.retire(name, context, () => false);
      return { StatusCode: 204 };
    },
  });

async function deletion({ store }: FunctionsPorts, context: OperationContext, row: Read<FunctionDocument>) {
  const { key, version, document } = row;
  const parts = await Promise.all([FUNCTION_VERSION, FUNCTION_ALIAS].map(({ kind }) => partsOf(store, key, kind)));
  return {
    expect: [{ key, version }],
    remove: [key, tagsKey(document.FunctionArn), ...parts.flat().map((part) => part.key)],
    timers: [{ reconciler: FUNCTION_RECONCILER, key, dueAtMs: null }],
    ledger: [entryOf(context, context.operation, [document.FunctionArn], changedMembers(auditable(document), undefined))],
  };
}

/** One that an alias names stays, as on AWS (measured: https://github.com/karl-cardenas-coding/go-lambda-cleanup/issues/45). */
async function deleteVersion({ store }: FunctionsPorts, context: OperationContext, name: string, version: string): Promise<void> {
  const key = versionKey(context, name, version);
  await decideAndCommit(store, async () => {
    const named = await readFunction(store, context, name);
    const row = await readRow(store, key);
    if (!row) return { result: undefined };
    const aliases = await aliasesOf(store, named.key, version);
    if (aliases.length > 0) {
      const message = `Unable to delete version because the following aliases reference it: [${aliases.join(', ')}]`;
      throw new ServiceError('ResourceConflictException', message);
    }
    const entry = entryOf(context, context.operation, [functionArn(context, name, version)], { Version: [version, null] });
    return {
      result: undefined,
      commit: {
        expect: [
          { key, version: row.version },
          { key: named.key, version: named.version },
        ],
        // the function's row too: an alias that is made or changed at the same time must see that the version is gone
        write: [functionWrite(named.key, named.document, context.nowMs)],
        remove: [key],
        ledger: [entry],
      },
    };
  });
}

/** The names of those that send anything to the version. */
async function aliasesOf(store: Store, of: ResourceKey, version: string): Promise<string[]> {
  const aliases = (await partsOf(store, of, FUNCTION_ALIAS.kind)).map(({ document }) => document as unknown as AliasDocument);
  return aliases
    .filter(({ FunctionVersion, weights }) => FunctionVersion === version || Object.hasOwn(weights ?? {}, version))
    .map(({ Name }) => Name);
}

/** All versions, or all aliases, of a function. */
async function partsOf(store: Store, { account, region, name }: ResourceKey, kind: string): Promise<Row[]> {
  const rows: Row[] = [];
  let after: Cursor | undefined;
  do {
    const page = await store.list({
      account,
      region,
      kind,
      parent: name,
      sortBy: 'name',
      order: 'ascending',
      after,
      limit: PAGE,
    });
    rows.push(...page.rows);
    after = page.next;
  } while (after);
  return rows;
}
