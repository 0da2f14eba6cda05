import type { ResourceDeclaration } from '../../platform/resources/declaration.ts';

/** Where a role ARN that does not exist here leads under `roles: lenient`; made at the first start. */
export const DEFAULT_ROLE = 'SageMakerPipelineExecutionRole';
export const ADMIN_USER = 'admin';

export const USER: ResourceDeclaration = {
  kind: 'IamUser',
  service: 'iam',
  arnType: 'user',
  global: true,
  absent: { code: 'NoSuchEntity', message: (name) => `The user with name ${name} cannot be found.` },
  exists: { code: 'EntityAlreadyExists', message: (name) => `User with name ${name} already exists.` },
};

export const ROLE: ResourceDeclaration = {
  kind: 'IamRole',
  service: 'iam',
  arnType: 'role',
  global: true,
  absent: { code: 'NoSuchEntity', message: (name) => `The role with name ${name} cannot be found.` },
  exists: { code: 'EntityAlreadyExists', message: (name) => `Role with name ${name} already exists.` },
};

export const ACCESS_KEY: ResourceDeclaration = {
  kind: 'IamAccessKey',
  service: 'iam',
  arnType: 'access-key',
  global: true,
  absent: { code: 'NoSuchEntity', message: (name) => `The Access Key with id ${name} cannot be found.` },
  exists: { code: 'EntityAlreadyExists', message: (name) => `Access Key with id ${name} already exists.` },
};

/** Inline policies by name, each as the text it was given as: GetRolePolicy gives back exactly that. */
export type InlinePolicies = { [policyName: string]: string };

export type UserDocument = {
  UserName: string;
  UserId: string;
  Arn: string;
  Path: string;
  CreateDate: number;
  Policies: InlinePolicies;
};

export type AccessKeyDocument = {
  AccessKeyId: string;
  UserName: string;
  Status: 'Active' | 'Inactive';
  CreateDate: number;
  /** The secret, sealed with the installation's key and bound to the access key id: the store alone gives no access. */
  SealedSecret: string;
};

export type RoleDocument = {
  RoleName: string;
  RoleId: string;
  Arn: string;
  Path: string;
  CreateDate: number;
  Description: string | null;
  MaxSessionDuration: number;
  /** The trust policy, as given. */
  AssumeRolePolicyDocument: string;
  Policies: InlinePolicies;
  Tags: { Key: string; Value: string }[];
};
