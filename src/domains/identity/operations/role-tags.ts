import { operation } from '../../../platform/calls/operation.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { decideTags } from '../decide-roles.ts';
import { pageOf } from '../pages.ts';
import type { OperationPorts } from '../ports.ts';
import { changeRole, readRole, roleNeed } from '../rows.ts';

export const tagRole = (ports: OperationPorts) =>
  operation('iam:TagRole', {
    effect: 'change',
    needs: roleNeed(ports, 'iam:TagRole'),
    async handle({ RoleName, Tags }, context) {
      await changeRole(ports, context, RoleName, (role) => {
        const tagging = decideTags(role.Tags, Tags);
        if ('rejection' in tagging) refuse(tagging.rejection);
        return { ...role, Tags: 'tags' in tagging ? tagging.tags : role.Tags };
      });
      return {};
    },
  });

export const untagRole = (ports: OperationPorts) =>
  operation('iam:UntagRole', {
    effect: 'change',
    needs: roleNeed(ports, 'iam:UntagRole'),
    async handle({ RoleName, TagKeys }, context) {
      const gone = new Set(TagKeys.map((key) => key.toLowerCase()));
      await changeRole(ports, context, RoleName, (role) => ({
        ...role,
        Tags: role.Tags.filter(({ Key }) => !gone.has(Key.toLowerCase())),
      }));
      return {};
    },
  });

export const listRoleTags = (ports: OperationPorts) =>
  operation('iam:ListRoleTags', {
    effect: 'read',
    needs: roleNeed(ports, 'iam:ListRoleTags'),
    async handle({ RoleName, Marker, MaxItems }, context) {
      const { document } = await readRole(ports.store, context, RoleName);
      // tag keys hold characters that names do not, so they are paged under their percent-encoded form
      const { page, ...rest } = pageOf(document.Tags, ({ Key }) => markerName(Key), Marker, MaxItems);
      return { Tags: page, ...rest };
    },
  });

const markerName = (key: string): string => Buffer.from(key, 'utf8').toString('hex').slice(0, 128);
