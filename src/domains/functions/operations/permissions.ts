import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { PolicyStatement } from '../../../platform/authorization/policy.ts';
import type { Json } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { permissionStatement } from '../decide-policy.ts';
import type { NamedFunction } from '../decide-names.ts';
import type { FunctionsPorts } from '../ports.ts';
import { functionArn, type FunctionDocument, LATEST } from '../resources.ts';
import { checkRevision, functionWrite } from '../revisions.ts';
import { findVersion, functionNeed, namedFunction } from '../runnable.ts';

const POLICY_BYTES_MAX = 20 * 1024;

export const permissionOperations = (ports: FunctionsPorts): AnyOperation[] => [
  addPermission(ports),
  removePermission(ports),
  getPolicy(ports),
];

const addPermission = (ports: FunctionsPorts) =>
  operation('lambda:AddPermission', {
    effect: 'change',
    needs: functionNeed('lambda:AddPermission'),
    async handle(input, context) {
      const named = namedFunction(input.FunctionName, input.Qualifier, context);
      const statement = permissionStatement(input, functionArn(context, named.name, named.qualifier));
      await changePolicy(
        ports,
        context,
        named,
        input.RevisionId,
        (before) => {
          const same = before.find(({ Sid }) => Sid === input.StatementId);
          // our own, when the answer to the commit was lost; Lambda refuses a repeated call
          if (same && JSON.stringify(same) === JSON.stringify(statement)) return before;
          if (same) throw statementExists(input.StatementId);
          return [...before, statement];
        },
        () => statementExists(input.StatementId),
      );
      return { Statement: JSON.stringify(statement) };
    },
  });

const statementExists = (id: string): ServiceError =>
  new ServiceError(
    'ResourceConflictException',
    `The statement id (${id}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
  );

const removePermission = (ports: FunctionsPorts) =>
  operation('lambda:RemovePermission', {
    effect: 'change',
    needs: functionNeed('lambda:RemovePermission'),
    async handle(input, context) {
      const named = namedFunction(input.FunctionName, input.Qualifier, context);
      await changePolicy(
        ports,
        context,
        named,
        input.RevisionId,
        (before) => before.filter(({ Sid }) => Sid !== input.StatementId),
        (before) =>
          new ServiceError(
            'ResourceNotFoundException',
            before.length === 0
              ? 'No policy is associated with the given resource.'
              : `Statement ${input.StatementId} is not found in resource policy.`,
          ),
      );
      return {};
    },
  });

/** `unchanged` makes the error of a first look that finds nothing to do. */
async function changePolicy(
  ports: FunctionsPorts,
  context: OperationContext,
  named: NamedFunction,
  revision: string | undefined,
  changed: (before: readonly PolicyStatement[]) => readonly PolicyStatement[],
  unchanged: (before: readonly PolicyStatement[]) => ServiceError,
): Promise<void> {
  const qualifier = named.qualifier ?? LATEST;
  await decideAndCommit(ports.store, async (count) => {
    const { row } = await findVersion(ports.store, context, named);
    if (count === 0) checkRevision(revision, row.document.latest.RevisionId);
    const before = row.document.policies[qualifier] ?? [];
    const after = changed(before);
    if (after.length === before.length) {
      if (count > 0) return { result: undefined };
      throw unchanged(before);
    }
    if (JSON.stringify(after).length > POLICY_BYTES_MAX) {
      throw new ServiceError(
        'PolicyLengthExceededException',
        `The final policy size is bigger than the limit (${POLICY_BYTES_MAX}).`,
      );
    }
    const document: FunctionDocument = { ...row.document, policies: { ...row.document.policies, [qualifier]: after } };
    return {
      result: undefined,
      commit: {
        expect: [{ key: row.key, version: row.version }],
        write: [functionWrite(row.key, document, context.nowMs)],
        ledger: [
          entryOf(context, context.operation, [functionArn(context, named.name, named.qualifier)], {
            Policy: [before as unknown as Json, after as unknown as Json],
          }),
        ],
      },
    };
  });
}

const getPolicy = (ports: FunctionsPorts) =>
  operation('lambda:GetPolicy', {
    effect: 'read',
    needs: functionNeed('lambda:GetPolicy'),
    async handle(input, context) {
      const named = namedFunction(input.FunctionName, input.Qualifier, context);
      const { row } = await findVersion(ports.store, context, named);
      const Statement = row.document.policies[named.qualifier ?? LATEST] ?? [];
      if (Statement.length === 0)
        throw new ServiceError('ResourceNotFoundException', 'The resource you requested does not exist.');
      return {
        Policy: JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement }),
        RevisionId: row.document.latest.RevisionId,
      };
    },
  });
