import { operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { rejectInlinePolicy } from '../decide-roles.ts';
import { pageOf } from '../pages.ts';
import type { OperationPorts } from '../ports.ts';
import { changeRole, readRole, roleNeed } from '../rows.ts';
import { encodePolicy } from './roles.ts';

const absentPolicy = (name: string): ServiceError =>
  new ServiceError('NoSuchEntity', `The role policy with name ${name} cannot be found.`);

export const putRolePolicy = (ports: OperationPorts) =>
  operation('iam:PutRolePolicy', {
    effect: 'change',
    needs: roleNeed(ports, 'iam:PutRolePolicy'),
    async handle({ RoleName, PolicyName, PolicyDocument }, context) {
      await changeRole(ports, context, RoleName, (role) => {
        refuse(rejectInlinePolicy(role, PolicyName, PolicyDocument));
        return { ...role, Policies: { ...role.Policies, [PolicyName]: PolicyDocument } };
      });
      return {};
    },
  });

export const getRolePolicy = (ports: OperationPorts) =>
  operation('iam:GetRolePolicy', {
    effect: 'read',
    needs: roleNeed(ports, 'iam:GetRolePolicy'),
    async handle({ RoleName, PolicyName }, context) {
      const { document } = await readRole(ports.store, context, RoleName);
      const text = Object.hasOwn(document.Policies, PolicyName) ? document.Policies[PolicyName] : undefined;
      if (text === undefined) throw absentPolicy(PolicyName);
      return { RoleName, PolicyName, PolicyDocument: encodePolicy(text) };
    },
  });

export const listRolePolicies = (ports: OperationPorts) =>
  operation('iam:ListRolePolicies', {
    effect: 'read',
    needs: roleNeed(ports, 'iam:ListRolePolicies'),
    async handle({ RoleName, Marker, MaxItems }, context) {
      const { document } = await readRole(ports.store, context, RoleName);
      const { page, ...rest } = pageOf(Object.keys(document.Policies), (name) => name, Marker, MaxItems);
      return { PolicyNames: page, ...rest };
    },
  });

export const deleteRolePolicy = (ports: OperationPorts) =>
  operation('iam:DeleteRolePolicy', {
    effect: 'change',
    needs: roleNeed(ports, 'iam:DeleteRolePolicy'),
    async handle({ RoleName, PolicyName }, context) {
      await changeRole(ports, context, RoleName, (role) => {
        if (!Object.hasOwn(role.Policies, PolicyName)) throw absentPolicy(PolicyName);
        const { [PolicyName]: _removed, ...Policies } = role.Policies;
        return { ...role, Policies };
      });
      return {};
    },
  });

/** Managed policies cannot be attached here, so no role has any: the empty list is the truth. */
export const listAttachedRolePolicies = (ports: OperationPorts) =>
  operation('iam:ListAttachedRolePolicies', {
    effect: 'read',
    needs: roleNeed(ports, 'iam:ListAttachedRolePolicies'),
    async handle({ RoleName }, context) {
      await readRole(ports.store, context, RoleName);
      return { AttachedPolicies: [], IsTruncated: false };
    },
  });
