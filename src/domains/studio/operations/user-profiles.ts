import type { DescribeUserProfileResponse } from '../../../contract/generated/sagemaker.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { arnOf } from '../../../platform/resources/declaration.ts';
import type { StudioPorts } from '../ports.ts';
import { changeRecord, createRecord, listRecords, recordNeed, removeRecord, requireRecord } from '../records.ts';
import { DOMAIN, RECORD_ONLY, USER_PROFILE } from '../resources.ts';
import { settingsNeeds } from './domains.ts';

export const userProfileOperations = (ports: StudioPorts): AnyOperation[] => [
  createUserProfile(ports),
  describeUserProfile(ports),
  listUserProfiles(ports),
  updateUserProfile(ports),
  deleteUserProfile(ports),
];

interface Named {
  readonly DomainId: string;
  readonly UserProfileName: string;
}

const nameOf = ({ DomainId, UserProfileName }: Named): string => `${DomainId}/${UserProfileName}`;

const need = (action: string) => (input: Named, context: OperationContext) => [
  recordNeed(USER_PROFILE, action, nameOf(input), context),
];

const createUserProfile = (ports: StudioPorts) =>
  operation('sagemaker:CreateUserProfile', {
    effect: 'change',
    needs: async (input, context) => [
      ...need('sagemaker:CreateUserProfile')(input, context),
      ...(await settingsNeeds(ports, input, context)),
    ],
    async handle({ Tags, ...input }, context) {
      const name = nameOf(input);
      const described: DescribeUserProfileResponse = {
        ...input,
        UserProfileArn: arnOf(USER_PROFILE, context, name),
        Status: 'InService',
        FailureReason: RECORD_ONLY,
        CreationTime: context.nowMs,
        LastModifiedTime: context.nowMs,
      };
      const owners = [{ declaration: DOMAIN, name: input.DomainId }];
      return { UserProfileArn: await createRecord(ports.store, USER_PROFILE, { name, described, tags: Tags, owners }, context) };
    },
  });

const describeUserProfile = ({ store }: StudioPorts) =>
  operation('sagemaker:DescribeUserProfile', {
    effect: 'read',
    needs: need('sagemaker:DescribeUserProfile'),
    handle: async (input, context) =>
      (await requireRecord<DescribeUserProfileResponse>(store, USER_PROFILE, nameOf(input), context)).document.described,
  });

const listUserProfiles = ({ store }: StudioPorts) =>
  operation('sagemaker:ListUserProfiles', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListUserProfiles', resources: ['*'] }],
    async handle({ DomainIdEquals, UserProfileNameContains, ...input }, context) {
      const query = { ...input, NameContains: UserProfileNameContains };
      const parent = DomainIdEquals === undefined ? {} : { parent: DomainIdEquals };
      const { all, NextToken } = await listRecords<DescribeUserProfileResponse>(store, USER_PROFILE, query, context, parent);
      const UserProfiles = all.map(({ DomainId, UserProfileName, Status, CreationTime, LastModifiedTime }) => ({
        DomainId,
        UserProfileName,
        Status,
        CreationTime,
        LastModifiedTime,
      }));
      return { UserProfiles, NextToken };
    },
  });

const updateUserProfile = (ports: StudioPorts) =>
  operation('sagemaker:UpdateUserProfile', {
    effect: 'change',
    needs: async (input, context) => [
      ...need('sagemaker:UpdateUserProfile')(input, context),
      ...(await settingsNeeds(ports, input, context)),
    ],
    async handle(input, context) {
      const change = (before: DescribeUserProfileResponse): DescribeUserProfileResponse => ({
        ...before,
        UserSettings: { ...before.UserSettings, ...input.UserSettings },
      });
      return { UserProfileArn: await changeRecord(ports.store, USER_PROFILE, nameOf(input), context, change) };
    },
  });

const deleteUserProfile = ({ store }: StudioPorts) =>
  operation('sagemaker:DeleteUserProfile', {
    effect: 'change',
    needs: need('sagemaker:DeleteUserProfile'),
    async handle(input, context) {
      await removeRecord(store, USER_PROFILE, nameOf(input), context);
      return {};
    },
  });
