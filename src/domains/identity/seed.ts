import type { PolicyDocument } from '../../platform/authorization/policy.ts';
import { idText } from '../../platform/authorization/session-token.ts';
import { sealText } from '../../platform/authorization/signed-and-sealed.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { JsonObject } from '../../platform/json.ts';
import { changedMembers, type LedgerInput } from '../../platform/ledger/entry.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import { formatArn } from '../../platform/resources/arn.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Store, Write } from '../../platform/store/port.ts';
import { openSecret } from './directory.ts';
import {
  ACCESS_KEY,
  type AccessKeyDocument,
  ADMIN_USER,
  DEFAULT_ROLE,
  ROLE,
  type RoleDocument,
  USER,
  type UserDocument,
} from './resources.ts';

export interface SeedPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly account: string;
  readonly sealingKey: string;
}

export interface AdminKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const ADMIN_POLICY: PolicyDocument = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

const SERVICES = ['sagemaker', 'codebuild', 'codepipeline', 'lambda', 'events', 'scheduler'];

/** The services, and those of the account whose own policies allow it (`slipway exec` works as the role, as a notebook does). */
const roleTrust = (ports: SeedPorts): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { Service: SERVICES.map((name) => `${name}.amazonaws.com`) }, Action: 'sts:AssumeRole' },
    { Effect: 'Allow', Principal: { AWS: accountArn(ports, 'root') }, Action: 'sts:AssumeRole' },
  ],
});

/** Roughly AmazonSageMakerFullAccess with what samples add to it: objects, logs, passing roles. Identity itself is not in it. */
const ROLE_POLICY: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: [
        'sagemaker:*',
        's3:*',
        'logs:*',
        'cloudwatch:*',
        'lambda:*',
        'events:*',
        'scheduler:*',
        'sqs:*',
        'sns:*',
        'ssm:*',
        'secretsmanager:*',
        'kms:*',
        'codebuild:*',
        'codepipeline:*',
        'codecommit:*',
        'ecr:*',
      ],
      Resource: '*',
    },
    { Effect: 'Allow', Action: ['iam:PassRole', 'iam:GetRole', 'iam:ListRoles', 'sts:GetCallerIdentity'], Resource: '*' },
  ],
};

/**
 * At the first start: user, access key and default role, in one commit. Later: the admin's key, made anew only if it is gone.
 * Gives the key back each time, since `main` writes the credentials file from it.
 */
export async function seedIdentity(ports: SeedPorts): Promise<AdminKey> {
  const place = { account: ports.account, region: GLOBAL };
  const userKey = keyOf(USER, place, ADMIN_USER);
  const nowMs = ports.clock.now();
  return decideAndCommit(ports.store, async () => {
    const user = await ports.store.get<UserDocument>(userKey);
    const existing = user && (await findAdminKey(ports));
    if (existing)
      return { result: { accessKeyId: existing.AccessKeyId, secretAccessKey: openSecret(ports.sealingKey, existing) } };
    const { document, result } = newAccessKey(ports, nowMs);
    const writes: Write[] = [write(keyOf(ACCESS_KEY, place, document.AccessKeyId), document, nowMs, ADMIN_USER)];
    const ledger = [
      entry(ports, 'slipway:AccessKey.Created', accountArn(ports, `user/${ADMIN_USER}`), nowMs, {
        ...document,
        SealedSecret: null,
      }),
    ];
    if (!user) {
      const [admin, role] = [adminUser(ports, nowMs), defaultRole(ports, nowMs)];
      writes.push(write(userKey, admin, nowMs), write(keyOf(ROLE, place, DEFAULT_ROLE), role, nowMs));
      ledger.push(
        entry(ports, 'slipway:User.Created', admin.Arn, nowMs, admin),
        entry(ports, 'slipway:Role.Created', role.Arn, nowMs, role),
      );
    }
    const expect = writes.map(({ key }) => ({ key, version: 0 }));
    return { result, commit: { expect, write: writes, ledger } };
  });
}

async function findAdminKey({ store, account }: SeedPorts): Promise<AccessKeyDocument | undefined> {
  const page = await store.list<AccessKeyDocument>({
    account,
    region: GLOBAL,
    kind: ACCESS_KEY.kind,
    parent: ADMIN_USER,
    sortBy: 'created',
    order: 'ascending',
    limit: 10,
  });
  return page.rows.map((row) => row.document).find(({ Status }) => Status === 'Active');
}

const write = (key: Write['key'], document: JsonObject, nowMs: number, parent?: string): Write => ({
  key,
  document,
  index: { createdAtMs: nowMs, modifiedAtMs: nowMs, ...(parent !== undefined && { parent }) },
});

const entry = ({ account }: SeedPorts, action: string, arn: string, nowMs: number, document: JsonObject): LedgerInput =>
  ownEntry(
    'identity',
    { account, region: GLOBAL },
    {
      timeMs: nowMs,
      action,
      resources: [arn],
      changes: changedMembers(undefined, document),
      reason: 'first start',
    },
  );

const accountArn = ({ account }: SeedPorts, resource: string): string =>
  formatArn({ service: 'iam', region: '', account, resource });

function newAccessKey(ports: SeedPorts, nowMs: number): { document: AccessKeyDocument; result: AdminKey } {
  const accessKeyId = `AKIA${idText(ports.ids, 16)}`;
  const secretAccessKey = Buffer.from(ports.ids.bytes(30)).toString('base64');
  const document: AccessKeyDocument = {
    AccessKeyId: accessKeyId,
    UserName: ADMIN_USER,
    Status: 'Active',
    CreateDate: nowMs,
    SealedSecret: sealText(ports.sealingKey, secretAccessKey, accessKeyId, ports.ids),
  };
  return { document, result: { accessKeyId, secretAccessKey } };
}

const adminUser = (ports: SeedPorts, nowMs: number): UserDocument => ({
  UserName: ADMIN_USER,
  UserId: `AIDA${idText(ports.ids, 17)}`,
  Arn: accountArn(ports, `user/${ADMIN_USER}`),
  Path: '/',
  CreateDate: nowMs,
  Policies: { AdministratorAccess: JSON.stringify(ADMIN_POLICY) },
});

const defaultRole = (ports: SeedPorts, nowMs: number): RoleDocument => ({
  RoleName: DEFAULT_ROLE,
  RoleId: `AROA${idText(ports.ids, 17)}`,
  Arn: accountArn(ports, `role/${DEFAULT_ROLE}`),
  Path: '/',
  CreateDate: nowMs,
  Description:
    'Role for pipelines and jobs; made at the first start. Role ARNs that do not exist here resolve to it under roles: lenient.',
  MaxSessionDuration: 43_200,
  AssumeRolePolicyDocument: JSON.stringify(roleTrust(ports)),
  Policies: { SageMakerExecution: JSON.stringify(ROLE_POLICY) },
  Tags: [],
});
