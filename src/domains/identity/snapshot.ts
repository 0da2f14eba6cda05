import type { PolicyDocument } from '../../platform/authorization/policy.ts';
import type { IdentitySnapshot, RoutePublisher } from '../../platform/ports/routes.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import type { Cursor, Row, Store } from '../../platform/store/port.ts';
import { openSecret, parsePolicies, userPrincipal } from './directory.ts';
import { ACCESS_KEY, type AccessKeyDocument, ROLE, type RoleDocument, USER, type UserDocument } from './resources.ts';

export interface SnapshotPorts {
  readonly store: Store;
  readonly account: string;
  readonly sealingKey: string;
  readonly routes: Pick<RoutePublisher, 'publishIdentities'>;
}

const PAGE = 200;

/** Every key and policy, for the router, which authorises invocations also while the server is away. */
export async function identitySnapshot({ store, account, sealingKey }: SnapshotPorts): Promise<IdentitySnapshot> {
  const users = new Map<string, UserDocument>();
  const policies: Record<string, readonly PolicyDocument[]> = {};
  for await (const { document } of rows<UserDocument>(store, account, USER.kind)) {
    users.set(document.UserName, document);
    policies[document.UserId] = parsePolicies(document.Policies);
  }
  for await (const { document } of rows<RoleDocument>(store, account, ROLE.kind)) {
    policies[document.RoleId] = parsePolicies(document.Policies);
  }
  const accessKeys: IdentitySnapshot['accessKeys'][number][] = [];
  for await (const { document } of rows<AccessKeyDocument>(store, account, ACCESS_KEY.kind)) {
    const user = users.get(document.UserName);
    if (!user || document.Status !== 'Active') continue;
    const principal = userPrincipal(account, user, document.AccessKeyId);
    accessKeys.push({ id: document.AccessKeyId, secret: openSecret(sealingKey, document), principal });
  }
  return { accessKeys, sealingKey, policies };
}

async function* rows<D extends UserDocument | RoleDocument | AccessKeyDocument>(
  store: Store,
  account: string,
  kind: string,
): AsyncIterable<Row<D>> {
  let after: Cursor | undefined;
  do {
    const page = await store.list<D>({
      account,
      region: GLOBAL,
      kind,
      sortBy: 'name',
      order: 'ascending',
      limit: PAGE,
      ...(after && { after }),
    });
    yield* page.rows;
    after = page.next;
  } while (after);
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
