import type { PolicyDocument } from '../../platform/authorization/policy.ts';
import type { IdentitySnapshot, RoutePublisher } from '../../platform/ports/routes.ts';
import { InvariantError } from '../../platform/errors/families.ts';
import type { Store } from '../../platform/store/port.ts';
import { AWS_POLICIES } from './aws-policies.ts';
import { openSecret, parsePolicies, userPrincipal } from './directory.ts';
import { defaultText } from './managed.ts';
import { allRows } from './pages.ts';
import {
  ACCESS_KEY,
  type AccessKeyDocument,
  GROUP,
  type GroupDocument,
  type HolderDocument,
  type ManagedPolicyDocument,
  POLICY,
  ROLE,
  type RoleDocument,
  USER,
  type UserDocument,
} from './resources.ts';

export interface SnapshotPorts {
  readonly store: Store;
  readonly account: string;
  readonly sealingKey: string;
  readonly routes: Pick<RoutePublisher, 'publishIdentities'>;
}

const LOOKS_MAX = 8;

/** Every key and policy, for the router, which authorises invocations also while the server is away. */
async function identitySnapshot(ports: SnapshotPorts): Promise<IdentitySnapshot> {
  for (let count = 0; count < LOOKS_MAX; count += 1) {
    const snapshot = await readSnapshot(ports);
    if (snapshot) return snapshot;
  }
  throw new InvariantError('A policy that an identity relies on is not there.', { account: ports.account });
}

/** Undefined: something was attached or detached between the reads. */
async function readSnapshot({ store, account, sealingKey }: SnapshotPorts): Promise<IdentitySnapshot | undefined> {
  const managed = new Map([...AWS_POLICIES.values()].map(({ arn, document }) => [arn, [document]]));
  for (const policy of await allRows<ManagedPolicyDocument>(store, { account, kind: POLICY.kind })) {
    managed.set(policy.Arn, parsePolicies({ default: defaultText(policy) }));
  }
  let whole = true;
  const ownOf = ({ Policies, Attached = [] }: HolderDocument): PolicyDocument[] => [
    ...parsePolicies(Policies),
    ...Attached.flatMap((arn) => {
      const found = managed.get(arn);
      whole &&= found !== undefined;
      return found ?? [];
    }),
  ];
  const groups = new Map<string, PolicyDocument[]>();
  for (const group of await allRows<GroupDocument>(store, { account, kind: GROUP.kind }))
    groups.set(group.GroupName, ownOf(group));
  const groupOf = (name: string): PolicyDocument[] => {
    whole &&= groups.has(name);
    return groups.get(name) ?? [];
  };
  const users = new Map<string, UserDocument>();
  const policies: Record<string, readonly PolicyDocument[]> = {};
  for (const user of await allRows<UserDocument>(store, { account, kind: USER.kind })) {
    users.set(user.UserName, user);
    policies[user.UserId] = [...ownOf(user), ...(user.Groups ?? []).flatMap((name) => groupOf(name))];
  }
  for (const role of await allRows<RoleDocument>(store, { account, kind: ROLE.kind })) policies[role.RoleId] = ownOf(role);
  const accessKeys: IdentitySnapshot['accessKeys'][number][] = [];
  for (const document of await allRows<AccessKeyDocument>(store, { account, kind: ACCESS_KEY.kind })) {
    const user = users.get(document.UserName);
    if (!user || document.Status !== 'Active') continue;
    const principal = userPrincipal(account, user, document.AccessKeyId);
    accessKeys.push({ id: document.AccessKeyId, secret: openSecret(sealingKey, document), principal });
  }
  return whole ? { accessKeys, sealingKey, policies } : undefined;
}

/** Publishes one snapshot after the other, each read after the change it is published for. */
export function createSnapshotPublisher(ports: SnapshotPorts): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return () => {
    const publish = async (): Promise<void> => ports.routes.publishIdentities(await identitySnapshot(ports));
    // a failure belongs to the caller that waits for it, not to the next one
    last = last.then(publish, publish);
    return last;
  };
}
