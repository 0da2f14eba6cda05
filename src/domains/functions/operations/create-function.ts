import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted, refuse } from '../../../platform/errors/rejection.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { existsError, keyOf } from '../../../platform/resources/declaration.ts';
import { tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { storeCode } from '../code.ts';
import { checkConfig, createdConfig } from '../decide-config.ts';
import type { FunctionsPorts } from '../ports.ts';
import { FUNCTION, FUNCTION_RECONCILER, functionArn, type FunctionConfig, type FunctionDocument, LATEST } from '../resources.ts';
import { auditable, described, functionWrite, newRevision } from '../revisions.ts';
import { functionNeed, namedFunction } from '../runnable.ts';
import { publishedVersion } from './versions.ts';

export const LAMBDA_SERVICE = 'lambda.amazonaws.com';

export const createFunction = (ports: FunctionsPorts) =>
  operation('lambda:CreateFunction', {
    effect: 'change',
    needs: async (input, context) => [
      ...functionNeed('lambda:CreateFunction')(input, context),
      ...(await passRoleNeeds(ports.roles, context.account, input.Role, LAMBDA_SERVICE)),
    ],
    async handle(input, context) {
      refuse(checkConfig(input));
      const { name } = namedFunction(input.FunctionName, undefined, context);
      const key = keyOf(FUNCTION, context, name);
      const before = await readRow<FunctionDocument>(ports.store, key);
      if (before && before.document.requestId !== context.requestId) throw existsError(FUNCTION, context, name);
      await checkRole(ports, context, input.Role, functionArn(context, name));
      const code = await storeCode(ports, context, input.Code);
      const config = accepted(createdConfig({ ...input, FunctionName: name }, code, newRevision(ports, context, 'all')));
      const document = newFunction(name, config, context, input.Publish === true);
      const tags = tagsWrite(
        document.FunctionArn,
        Object.entries(input.Tags ?? {}).map(([Key, Value]) => ({ Key, Value })),
        context.nowMs,
      );
      const version = input.Publish ? publishedVersion(key, document, '1', context.nowMs) : undefined;
      return decideAndCommit(ports.store, async () => {
        const existing = await readRow<FunctionDocument>(ports.store, key);
        const { LastUpdateStatus: _none, ...result } = described(ports, context, document, version ? '1' : LATEST, config, null);
        if (existing?.document.requestId === context.requestId) return { result };
        if (existing) throw existsError(FUNCTION, context, name);
        return {
          result,
          commit: {
            expect: [{ key, version: 0 }],
            write: [functionWrite(key, document, context.nowMs), ...(tags ? [tags] : []), ...(version ? [version] : [])],
            timers: [{ reconciler: FUNCTION_RECONCILER, key, dueAtMs: context.nowMs }],
            ledger: [entryOf(context, context.operation, [document.FunctionArn], changedMembers(undefined, auditable(document)))],
          },
        };
      });
    },
  });

const newFunction = (name: string, latest: FunctionConfig, context: OperationContext, publish: boolean): FunctionDocument => ({
  FunctionName: name,
  FunctionArn: functionArn(context, name),
  latest,
  State: 'Pending',
  StateReason: 'The function is being created.',
  StateReasonCode: 'Creating',
  policies: {},
  published: publish ? 1 : 0,
  createdAtMs: context.nowMs,
  requestId: context.requestId,
});

/** Lambda says at once that it cannot act by a role. */
export async function checkRole(
  { roles }: FunctionsPorts,
  { account }: OperationContext,
  roleArn: string,
  onBehalfOf: string,
): Promise<void> {
  try {
    await roles.assume({ account, roleArn, service: LAMBDA_SERVICE, sessionName: 'function', onBehalfOf });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new ServiceError(
      'InvalidParameterValueException',
      `The role defined for the function cannot be assumed by Lambda. ${error.message}`,
    );
  }
}
