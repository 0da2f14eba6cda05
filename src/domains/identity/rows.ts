import type { OperationContext } from '../../platform/calls/operation.ts';
import type { JsonObject } from '../../platform/json.ts';
import { changedMembers } from '../../platform/ledger/entry.ts';
import { entryOf } from '../../platform/ledger/entry-of.ts';
import { absentError, arnOf, keyOf } from '../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Row, Store, Write } from '../../platform/store/port.ts';
import type { OperationPorts } from './ports.ts';
import { ROLE, type RoleDocument } from './resources.ts';

export const roleKey = (context: OperationContext, name: string) => keyOf(ROLE, context, name);

export async function readRole(store: Store, context: OperationContext, name: string): Promise<Row<RoleDocument>> {
  const row = await store.get<RoleDocument>(roleKey(context, name));
  if (!row) throw absentError(ROLE, context, name);
  return row;
}

export const roleWrite = (key: ReturnType<typeof roleKey>, document: RoleDocument, nowMs: number): Write => ({
  key,
  document,
  index: { createdAtMs: document.CreateDate, modifiedAtMs: nowMs },
});

/** What a role operation needs: its action on the role. The path of an existing role is part of its ARN. */
export const roleNeed =
  ({ directory }: Pick<OperationPorts, 'directory'>, action: string) =>
  async (input: { readonly RoleName: string }, context: OperationContext) => {
    const role = await directory.role(context.account, input.RoleName);
    return [{ action, resources: [role?.document.Arn ?? arnOf(ROLE, context, input.RoleName)] }];
  };

/** Reads a role, changes it and commits; acknowledged when the router has it too. */
export async function changeRole(
  { store, directory, publish }: OperationPorts,
  context: OperationContext,
  name: string,
  change: (role: RoleDocument) => RoleDocument,
): Promise<void> {
  await decideAndCommit(store, async () => {
    const row = await readRole(store, context, name);
    const after = change(row.document);
    const changes = changedMembers(row.document as JsonObject, after as JsonObject);
    if (Object.keys(changes).length === 0) return { result: undefined };
    return {
      result: undefined,
      commit: {
        expect: [{ key: row.key, version: row.version }],
        write: [roleWrite(row.key, after, context.nowMs)],
        ledger: [entryOf(context, context.operation, [after.Arn], changes)],
      },
    };
  });
  directory.forget(roleKey(context, name));
  await publish();
}
