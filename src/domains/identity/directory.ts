import { parsePolicy } from '../../platform/authorization/parse-policy.ts';
import type { PolicyDocument } from '../../platform/authorization/policy.ts';
import type { Credential, CredentialProblem, IdentityDirectory } from '../../platform/authorization/port.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { openSessionToken, openText } from '../../platform/authorization/session-token.ts';
import type { Clock } from '../../platform/clock.ts';
import { ConfigError, InvariantError } from '../../platform/errors/families.ts';
import type { JsonObject } from '../../platform/json.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import type { Store } from '../../platform/store/port.ts';
import {
  ACCESS_KEY,
  type AccessKeyDocument,
  type InlinePolicies,
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
interface Entry {
  readonly document: JsonObject;
  readonly policies: readonly PolicyDocument[];
  readonly trust?: PolicyDocument;
}

const ENTRIES_MAX = 5_000;

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
    if (key.kind !== USER.kind && key.kind !== ROLE.kind && key.kind !== ACCESS_KEY.kind) return;
    this.#generation += 1;
    this.#entries.delete(keyText(key));
  }

  async policiesOf(principal: Principal): Promise<readonly PolicyDocument[]> {
    const place = { account: principal.account, region: '' };
    if (principal.kind === 'user') {
      const user = await this.#entry(keyOf(USER, place, principal.name));
      return user && user.document['UserId'] === principal.userId ? user.policies : [];
    }
    const role = await this.role(principal.account, principal.name);
    return role && belongsTo(principal, role.document) ? role.policies : [];
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
  return {
    document,
    policies: parsePolicies((document['Policies'] ?? {}) as InlinePolicies),
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
