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

/** User name and password for one service's own protocol, e.g. git; `facet` of its rows is the user name there. */
export const SERVICE_CREDENTIAL: ResourceDeclaration = {
  kind: 'IamServiceCredential',
  service: 'iam',
  arnType: 'service-specific-credential',
  global: true,
  absent: { code: 'NoSuchEntity', message: (name) => `No such credential ${name} exists` },
  exists: { code: 'EntityAlreadyExists', message: (name) => `Credential with id ${name} already exists.` },
};

export type ServiceCredentialDocument = {
  ServiceSpecificCredentialId: string;
  UserName: string;
  ServiceName: string;
  ServiceUserName: string;
  Status: 'Active' | 'Inactive';
  CreateDate: number;
  PasswordDigest: string;
};

export const GROUP: ResourceDeclaration = {
  kind: 'IamGroup',
  service: 'iam',
  arnType: 'group',
  global: true,
  absent: { code: 'NoSuchEntity', message: (name) => `The group with name ${name} cannot be found.` },
  exists: { code: 'EntityAlreadyExists', message: (name) => `Group with name ${name} already exists.` },
};

/** A policy that users of this account wrote; those of AWS are in `aws-policies.ts`. */
export const POLICY: ResourceDeclaration = {
  kind: 'IamPolicy',
  service: 'iam',
  arnType: 'policy',
  global: true,
  absent: { code: 'NoSuchEntity', message: (_name, arn) => `Policy ${arn} was not found.` },
  exists: {
    code: 'EntityAlreadyExists',
    message: (name) => `A policy called ${name} already exists. Duplicate names are not allowed.`,
  },
};

/** Inline policies by name, each as the text it was given as: GetRolePolicy gives back exactly that. */
export type InlinePolicies = { [policyName: string]: string };

/** What users, groups and roles have in common: policies are given to them. */
export type HolderDocument = {
  Arn: string;
  Path: string;
  CreateDate: number;
  Policies: InlinePolicies;
  /** ARNs of managed policies. Rows of before there were any have none; likewise `Groups` and `Tags` of users. */
  Attached?: string[];
};

export type UserDocument = HolderDocument & {
  UserName: string;
  UserId: string;
  Groups?: string[];
  Tags?: Tags;
};

export type GroupDocument = HolderDocument & { GroupName: string; GroupId: string };

export type Tags = { Key: string; Value: string }[];

export type ManagedPolicyDocument = {
  PolicyName: string;
  PolicyId: string;
  Arn: string;
  Path: string;
  CreateDate: number;
  UpdateDate: number;
  Description: string | null;
  DefaultVersionId: string;
  /** By id (`v3`), each as the text it was given as. */
  Versions: { [versionId: string]: { text: string; createdAtMs: number } };
  /** What the last version made was: ids are not used again. */
  LastVersion: number;
  Tags: Tags;
};

export type AccessKeyDocument = {
  AccessKeyId: string;
  UserName: string;
  Status: 'Active' | 'Inactive';
  CreateDate: number;
  /** The secret, sealed with the installation's key and bound to the access key id: the store alone gives no access. */
  SealedSecret: string;
};

export type RoleDocument = HolderDocument & {
  RoleName: string;
  RoleId: string;
  Description: string | null;
  MaxSessionDuration: number;
  /** The trust policy, as given. */
  AssumeRolePolicyDocument: string;
  Tags: Tags;
};
