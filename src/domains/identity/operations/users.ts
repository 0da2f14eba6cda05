import { operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { absentError, arnOf, keyOf } from '../../../platform/resources/declaration.ts';
import type { OperationPorts } from '../ports.ts';
import { USER, type UserDocument } from '../resources.ts';

export const getUser = ({ store }: OperationPorts) =>
  operation('iam:GetUser', {
    effect: 'read',
    needs: ({ UserName }, context) => [
      { action: 'iam:GetUser', resources: [UserName === undefined ? context.principal.arn : arnOf(USER, context, UserName)] },
    ],
    async handle({ UserName }, context) {
      const { principal } = context;
      if (UserName === undefined && principal.kind !== 'user') {
        throw new ServiceError('ValidationError', 'Must specify userName when calling with non-User credentials');
      }
      const name = UserName ?? principal.name;
      const row = await store.get<UserDocument>(keyOf(USER, context, name));
      if (!row) throw absentError(USER, context, name);
      const { Path, UserId, Arn, CreateDate } = row.document;
      return { User: { Path, UserName: row.document.UserName, UserId, Arn, CreateDate } };
    },
  });
