import { parsePolicy } from '../../platform/authorization/parse-policy.ts';
import type { PolicyDocument } from '../../platform/authorization/policy.ts';
import type { Credential, CredentialProblem, IdentityDirectory } from '../../platform/authorization/port.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { openSessionToken } from '../../platform/authorization/session-token.ts';
import { openText } from '../../platform/authorization/signed-and-sealed.ts';
import type { Clock } from '../../platform/clock.ts';
import { ConfigError, InvariantError } from '../../platform/errors/families.ts';
import type { JsonObject } from '../../platform/json.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import type { Store } from '../../platform/store/port.ts';
import { AWS_POLICIES } from './aws-policies.ts';
import { DECLARATIONS, type HolderKind } from './holders.ts';
import { defaultText, policyKeyOf } from './managed.ts';
import {
  ACCESS_KEY,
  type AccessKeyDocument,
  GROUP,
  type InlinePolicies,
  type ManagedPolicyDocument,
  POLICY,
  ROLE,
  type RoleDocument,
  USER,
  type UserDocument,
} from './resources.ts';

export interface DirectoryPorts {
  readonly store: Store;
  readonly clock: Clock;
  /** Opens session tokens and stored secrets; hex. */
  readonly sealingKey: string;
  readonly account: string;
}

/** A row as the directory needs it on every request: policies parsed once, so that their compiled form is found again. */
export interface Entry {
  readonly document: JsonObject;
  readonly policies: readonly PolicyDocument[];
  readonly trust?: PolicyDocument;
}

const ENTRIES_MAX = 5_000;
/** Changes between the reads of one look are rare; many in a row are none. */
const LOOKS_MAX = 8;
const KINDS = new Set([USER, GROUP, ROLE, ACCESS_KEY, POLICY].map(({ kind }) => kind));

/**
 * Keys and policies from memory. A projection of the store's rows: filled on first use, forgotten when a commit touches the
 * row, so that a change counts from the moment it is acknowledged.
 */
export class Directory implements IdentityDirectory {
  readonly #ports: DirectoryPorts;
  readonly #entries = new Map<string, Entry>();
  /** Counts forgettings: a read that began before one must not fill the memory after it. */
  #generation = 0;

  constructor(ports: DirectoryPorts) {
    this.#ports = ports;
    ports.store.onCommitted((commit) => {
      for (const { key } of commit.write ?? []) this.forget(key);
      for (const key of commit.remove ?? []) this.forget(key);
    });
  }

  forget(key: ResourceKey): void {
    if (!KINDS.has(key.kind)) return;
    this.#generation += 1;
    this.#entries.delete(keyText(key));
  }

  async policiesOf(principal: Principal): Promise<readonly PolicyDocument[]> {
    const { account, kind, name } = principal;
    return this.effective(account, async () => {
      const holder = await this.holder(account, kind === 'user' ? 'User' : 'Role', name);
      const same =
        kind === 'user' ? holder?.document['UserId'] === principal.userId : holder && belongsTo(principal, holder.document);
      return same ? holder : undefined;
    });
  }

  /** A holder's inline policies, those attached to it, and those of its groups; none when there is no holder. */
  async effective(account: string, find: () => Promise<Entry | undefined>): Promise<readonly PolicyDocument[]> {
    for (let count = 0; count < LOOKS_MAX; count += 1) {
      const holder = await find();
      const policies = holder ? await this.#gather(account, holder) : [];
      if (policies) return policies;
    }
    // what is attached is not deleted; if it is missing all the same, what it denies must not be allowed
    throw new InvariantError('A policy or group that an identity relies on is not there.', { account });
  }

  /** Undefined: something was detached and deleted since the holder was read. */
  async #gather(account: string, holder: Entry): Promise<readonly PolicyDocument[] | undefined> {
    const { Attached = [], Groups = [] } = holder.document as { Attached?: string[]; Groups?: string[] };
    if (Attached.length === 0 && Groups.length === 0) return holder.policies;
    const policies = [...holder.policies];
    for (const arn of Attached) {
      const aws = AWS_POLICIES.get(arn);
      const key = policyKeyOf(account, arn);
      const found = aws ? [aws.document] : key && (await this.#entry(key))?.policies;
      if (!found) return undefined;
      policies.push(...found);
    }
    for (const name of Groups) {
      const group = await this.holder(account, 'Group', name);
      const found = group && (await this.#gather(account, group));
      if (!found) return undefined;
      policies.push(...found);
    }
    return policies;
  }

  holder(account: string, kind: HolderKind, name: string): Promise<Entry | undefined> {
    return this.#entry(keyOf(DECLARATIONS[kind], { account, region: '' }, name));
  }

  async credential(accessKeyId: string, sessionToken: string | undefined): Promise<Credential | CredentialProblem | undefined> {
    if (sessionToken !== undefined) return this.#sessionCredential(accessKeyId, sessionToken);
    const { account, sealingKey } = this.#ports;
    const place = { account, region: '' };
    const key = (await this.#entry(keyOf(ACCESS_KEY, place, accessKeyId)))?.document as AccessKeyDocument | undefined;
    if (key?.Status !== 'Active') return undefined;
    const user = (await this.#entry(keyOf(USER, place, key.UserName)))?.document as UserDocument | undefined;
    if (!user) return undefined;
    return { secretAccessKey: openSecret(sealingKey, key), principal: userPrincipal(account, user, accessKeyId) };
  }

  async #sessionCredential(accessKeyId: string, sessionToken: string): Promise<Credential | CredentialProblem> {
    const opened = openSessionToken(this.#ports.sealingKey, accessKeyId, sessionToken, this.#ports.clock.now());
    if ('problem' in opened) return opened;
    const { principal } = opened.credential;
    const role = await this.role(principal.account, principal.name);
    // a role made anew under the old name has another id: sessions of the old one stay dead
    return role && belongsTo(principal, role.document) ? opened.credential : { problem: 'invalid-token' };
  }

  async role(account: string, name: string): Promise<(Entry & { readonly document: RoleDocument }) | undefined> {
    const entry = await this.#entry(keyOf(ROLE, { account, region: '' }, name));
    return entry as (Entry & { readonly document: RoleDocument }) | undefined;
  }

  async #entry(key: ResourceKey): Promise<Entry | undefined> {
    const text = keyText(key);
    const known = this.#entries.get(text);
    if (known) return known;
    const generation = this.#generation;
    const row = await this.#ports.store.get(key);
    if (!row) return undefined;
    const entry = entryOf(row.document);
    if (generation === this.#generation) {
      if (this.#entries.size >= ENTRIES_MAX) this.#entries.clear();
      this.#entries.set(text, entry);
    }
    return entry;
  }
}

function entryOf(document: JsonObject): Entry {
  const trust = document['AssumeRolePolicyDocument'];
  const managed = document['Versions'] !== undefined;
  const inline = (document['Policies'] ?? {}) as InlinePolicies;
  return {
    document,
    policies: parsePolicies(managed ? { default: defaultText(document as unknown as ManagedPolicyDocument) } : inline),
    ...(typeof trust === 'string' ? { trust: storedPolicy(trust, 'trust') } : {}),
  };
}

export const parsePolicies = (policies: InlinePolicies): PolicyDocument[] =>
  Object.values(policies).map((text) => storedPolicy(text, 'identity'));

/** Only checked policies are stored; one that no longer parses must not quietly count as absent, it might deny something. */
function storedPolicy(text: string, use: 'identity' | 'trust'): PolicyDocument {
  const parsed = parsePolicy(text, use);
  if ('problem' in parsed) throw new InvariantError(`A stored policy cannot be parsed: ${parsed.problem}`);
  return parsed.document;
}

const belongsTo = (principal: Principal, role: JsonObject): boolean => principal.userId.startsWith(`${String(role['RoleId'])}:`);

export function openSecret(sealingKey: string, key: AccessKeyDocument): string {
  const secret = openText(sealingKey, key.SealedSecret, key.AccessKeyId);
  if (secret === undefined) {
    throw new ConfigError(
      'data folder',
      `keys/sealing.key is not the key that access key ${key.AccessKeyId} was sealed with. Restore the key file from the same backup as the database.`,
    );
  }
  return secret;
}

export const userPrincipal = (account: string, user: UserDocument, accessKeyId: string): Principal => ({
  kind: 'user',
  account,
  arn: user.Arn,
  userId: user.UserId,
  name: user.UserName,
  accessKeyId,
});
