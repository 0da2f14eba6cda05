import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import type { JsonObject } from '../../../platform/json.ts';
import type { ResourceKey } from '../../../platform/resource-key.ts';
import type { Read } from '../../../platform/store/typed-rows.ts';
import { AWS_POLICIES } from '../aws-policies.ts';
import { rejectAttached, rejectInlinePolicy } from '../decide-quotas.ts';
import {
  changeHolder,
  type HolderChange,
  holderKey,
  type HolderKind,
  holderName,
  holderNeed,
  readHolder,
  touched,
} from '../holders.ts';
import { attachmentKey, findPolicy, policyName } from '../managed.ts';
import { pageOf } from '../pages.ts';
import type { OperationPorts } from '../ports.ts';
import type { HolderDocument } from '../resources.ts';
import { encodePolicy } from './roles.ts';

/**
 * The operations on policies of users, groups and roles, which differ in nothing but the word. Each is typed as that of users; names
 * of holders are read by `holderName`.
 */
export const holderPolicyOperations = (ports: OperationPorts, kind: HolderKind): readonly AnyOperation[] => [
  ...inlineOperations(ports, kind),
  ...attachOperations(ports, kind),
];

const absentInline = (kind: HolderKind, name: string): ServiceError =>
  new ServiceError('NoSuchEntity', `The ${kind.toLowerCase()} policy with name ${name} cannot be found.`);

function inlineOperations(ports: OperationPorts, kind: HolderKind): readonly AnyOperation[] {
  const put = operation(`iam:Put${kind}Policy` as 'iam:PutUserPolicy', {
    effect: 'change',
    needs: holderNeed(ports, kind, `iam:Put${kind}Policy`),
    async handle(input, context) {
      const { PolicyName, PolicyDocument } = input;
      const name = holderName(kind, input);
      await change(ports, context, kind, name, (holder) => {
        refuse(rejectInlinePolicy(kind, name, holder.Policies, PolicyName, PolicyDocument));
        return { document: { ...holder, Policies: { ...holder.Policies, [PolicyName]: PolicyDocument } } };
      });
      return {};
    },
  });
  const get = operation(`iam:Get${kind}Policy` as 'iam:GetUserPolicy', {
    effect: 'read',
    needs: holderNeed(ports, kind, `iam:Get${kind}Policy`),
    async handle(input, context) {
      const name = holderName(kind, input);
      const { Policies } = (await readHolder(ports.store, context, kind, name)).document;
      const text = Object.hasOwn(Policies, input.PolicyName) ? Policies[input.PolicyName] : undefined;
      if (text === undefined) throw absentInline(kind, input.PolicyName);
      return { [`${kind}Name` as 'UserName']: name, PolicyName: input.PolicyName, PolicyDocument: encodePolicy(text) };
    },
  });
  const list = operation(`iam:List${kind}Policies` as 'iam:ListUserPolicies', {
    effect: 'read',
    needs: holderNeed(ports, kind, `iam:List${kind}Policies`),
    async handle(input, context) {
      const { document } = await readHolder(ports.store, context, kind, holderName(kind, input));
      const { page, ...rest } = pageOf(Object.keys(document.Policies), (name) => name, input.Marker, input.MaxItems);
      return { PolicyNames: page, ...rest };
    },
  });
  const remove = operation(`iam:Delete${kind}Policy` as 'iam:DeleteUserPolicy', {
    effect: 'change',
    needs: holderNeed(ports, kind, `iam:Delete${kind}Policy`),
    async handle(input, context) {
      await change(ports, context, kind, holderName(kind, input), (holder) => {
        if (!Object.hasOwn(holder.Policies, input.PolicyName)) throw absentInline(kind, input.PolicyName);
        const { [input.PolicyName]: _removed, ...Policies } = holder.Policies;
        return { document: { ...holder, Policies } };
      });
      return {};
    },
  });
  return [put, get, list, remove];
}

function attachOperations(ports: OperationPorts, kind: HolderKind): readonly AnyOperation[] {
  const attach = operation(`iam:Attach${kind}Policy` as 'iam:AttachUserPolicy', {
    effect: 'change',
    needs: holderNeed(ports, kind, `iam:Attach${kind}Policy`),
    async handle(input, context) {
      await change(ports, context, kind, holderName(kind, input), (holder, from) =>
        attached(ports, context, kind, holder, from, input),
      );
      return {};
    },
  });
  const detach = operation(`iam:Detach${kind}Policy` as 'iam:DetachUserPolicy', {
    effect: 'change',
    needs: holderNeed(ports, kind, `iam:Detach${kind}Policy`),
    async handle(input, context) {
      const arn = input.PolicyArn;
      await change(ports, context, kind, holderName(kind, input), (holder, from) => {
        const before = holder.Attached ?? [];
        if (!before.includes(arn)) throw new ServiceError('NoSuchEntity', `Policy ${arn} was not found.`);
        const Attached = before.filter((other) => other !== arn);
        return {
          document: { ...holder, Attached },
          also: { refer: [{ from, to: attachmentKey(context.account, arn), drop: true }] },
        };
      });
      return {};
    },
  });
  const list = operation(`iam:ListAttached${kind}Policies` as 'iam:ListAttachedUserPolicies', {
    effect: 'read',
    needs: holderNeed(ports, kind, `iam:ListAttached${kind}Policies`),
    async handle(input, context) {
      const { document } = await readHolder(ports.store, context, kind, holderName(kind, input));
      const { page, ...rest } = pageOf(document.Attached ?? [], (arn) => arn, input.Marker, input.MaxItems);
      return { AttachedPolicies: page.map((arn) => ({ PolicyName: policyName(arn), PolicyArn: arn })), ...rest };
    },
  });
  return [attach, detach, list];
}

async function attached(
  ports: OperationPorts,
  context: OperationContext,
  kind: HolderKind,
  holder: HolderDocument,
  from: ResourceKey,
  { PolicyArn: arn }: { readonly PolicyArn: string },
): Promise<HolderChange<HolderDocument>> {
  const row = await findPolicy(ports.store, context.account, arn);
  if (!row && !AWS_POLICIES.has(arn)) {
    throw new ServiceError('NoSuchEntity', `Policy ${arn} does not exist or is not attachable.`);
  }
  const Attached = [...new Set([...(holder.Attached ?? []), arn])];
  refuse(rejectAttached(kind, Attached));
  const refer = [{ from, to: attachmentKey(context.account, arn) }];
  return { document: { ...holder, Attached }, also: { refer, ...(row && touched(row as Read<JsonObject>)) } };
}

/** `changeHolder` for what all three kinds have. */
const change = (
  ports: OperationPorts,
  context: OperationContext,
  kind: HolderKind,
  name: string,
  to: (holder: HolderDocument, key: ResourceKey) => HolderChange<HolderDocument> | Promise<HolderChange<HolderDocument>>,
): Promise<void> =>
  changeHolder(ports, context, kind, name, async (holder) => (await to(holder, holderKey(kind, context, name))) as never);
