import { isIP } from 'node:net';
import { ServiceError } from '../../platform/errors/families.ts';
import { isHookSigned } from '../../platform/hook-signature.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import { principalOfRow } from '../../platform/notices.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import type { GitResult } from '../../platform/ports/git.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { changeReferences, type Current } from './change-references.ts';
import { type FollowSecret, parseFollowSecret } from './decide-follow.ts';
import { isReferenceName } from './decide-push.ts';
import { branchRef } from './decide-references.ts';
import type { OwnPorts } from './ports.ts';
import {
  type FollowDocument,
  gitPlaceOf,
  type ReferencesDocument,
  referencesKey,
  REPOSITORY_FOLLOW,
  repositoryArn,
  type RepositoryDocument,
  repositoryKey,
} from './resources.ts';

const FETCH_MS = 1_800_000;
const MIRRORED = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];

/** Fetches what the repository follows, then again after its interval; a webhook only makes the next time now. */
export const followReconciler = (own: OwnPorts): Reconciler => ({
  name: REPOSITORY_FOLLOW,
  async reconcile(key) {
    const row = await readRow<RepositoryDocument>(own.store, key);
    const follow = row?.document.follow;
    const problem = row && follow ? await fetchRemote(own, row, follow) : undefined;
    if (problem !== undefined) own.log.warn({ repository: key.name, problem }, 'A followed repository could not be fetched.');
    await arrange(own, key, follow?.url, problem);
  },
});

/** The next look, and what became of this one. */
async function arrange(own: OwnPorts, key: ResourceKey, url: string | undefined, problem: string | undefined): Promise<void> {
  await decideAndCommit(own.store, async () => {
    const row = await readRow<RepositoryDocument>(own.store, key);
    const follow = row?.document.follow;
    const expect = [{ key, version: row?.version ?? 0 }];
    const timer = { reconciler: REPOSITORY_FOLLOW, key };
    if (!row || !follow) return { commit: { expect, timers: [{ ...timer, dueAtMs: null }] }, result: undefined };
    // another remote since: it is looked at now
    const waitMs = follow.url === url ? follow.intervalSeconds * 1000 : 0;
    const timers = [{ ...timer, dueAtMs: own.clock.now() + waitMs }];
    if (follow.problem === problem || follow.url !== url) return { commit: { expect, timers }, result: undefined };
    const { problem: _before, ...rest } = follow;
    const after: FollowDocument = { ...rest, ...(problem !== undefined && { problem }) };
    const write = [{ key, document: { ...row.document, follow: after }, index: row.index }];
    return { commit: { expect, write, timers }, result: undefined };
  });
}

/** Why it failed; undefined when the mirror is as the remote is. */
async function fetchRemote(own: OwnPorts, row: Read<RepositoryDocument>, follow: FollowDocument): Promise<string | undefined> {
  const { key, document } = row;
  const pins = await pinned(own, follow.url);
  if (typeof pins === 'string') return pins;
  const secret = await secretOf(own, key, follow);
  if (typeof secret === 'string') return secret;
  const place = gitPlaceOf(referencesKey(key, document.id));
  const arn = repositoryArn(key, document.name);
  const entry = ownEntry('repositories', key, {
    timeMs: own.clock.now(),
    action: 'slipway:Repository.Followed',
    resources: [arn],
    changes: {},
    reason: `fetched from ${follow.url}`,
  });
  const callerArn = principalOfRow(follow.sender).arn;
  const fetch: Fetch = (flags, refspecs) =>
    own.git.run(
      place,
      [...pins, 'fetch', '--quiet', '--no-tags', '--no-write-fetch-head', ...flags, '--', follow.url, ...refspecs],
      {
        environment: credentialsOf(secret),
        timeoutMs: FETCH_MS,
      },
    );
  const { result } = await changeReferences(own, row, { entry, callerArn }, (current) => mirror(fetch, current));
  return result;
}

/** How `git fetch` ends when it got everything, but did not move a reference; what is wrong with the remote ends it with 128. */
const NOT_MOVED = 1;

type Fetch = (flags: readonly string[], refspecs: readonly string[]) => Promise<GitResult>;

/** Everything becomes as it is there, but protected branches, which only go on. */
async function mirror(fetch: Fetch, { known, document }: Current): Promise<string | undefined> {
  const kept = (document.protected ?? []).map(branchRef).filter(isReferenceName);
  const all = await fetch(['--force', '--prune'], [...MIRRORED, ...kept.map((name) => `^${name}`)]);
  let problem = problemOf(all);
  if (all.exitCode > NOT_MOVED) return problem; // nothing came, nor would it now
  for (const name of kept) {
    const fetched = await fetch([], [`${name}:${name}`]);
    if (fetched.exitCode === 0) continue;
    const isGone = fetched.errors.includes("couldn't find remote ref");
    if (isGone && known.references[name] === undefined) continue;
    const what = isGone ? 'deleted' : fetched.exitCode === NOT_MOVED ? 'rewritten' : undefined;
    problem ??= what ? `${name} is protected here (tag slipway:protected), and the remote has ${what} it` : problemOf(fetched);
  }
  return problem;
}

const problemOf = ({ exitCode, errors }: GitResult): string | undefined =>
  exitCode === 0 ? undefined : errors.split('\n').at(-1)?.slice(0, 500) || `git fetch ended with ${exitCode}`;

/**
 * Holds git to the addresses that the host has now and that users may make this server ask: what the name resolves to a moment later is of
 * no use to whoever changes it. A text says why nothing may be fetched from there.
 */
async function pinned({ outgoing }: OwnPorts, address: string): Promise<readonly string[] | string> {
  if (!outgoing?.addressesOf) return 'This server sends no requests to addresses of users.';
  const found = await outgoing.addressesOf(address);
  if ('outcome' in found) return found.message;
  const url = new URL(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) return [];
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return ['-c', `http.curloptResolve=${host}:${port}:${found.map((one) => (one.includes(':') ? `[${one}]` : one)).join(',')}`];
}

/** By the environment, not on the command line, which others on this machine may read. */
function credentialsOf({ username = 'git', password }: FollowSecret): { [name: string]: string } {
  if (password === undefined) return {};
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.extraHeader', GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}` };
}

/** The secret as whoever set up the following may read it; a text says why not. */
async function secretOf(own: OwnPorts, key: ResourceKey, follow: FollowDocument): Promise<FollowSecret | string> {
  const secret = await readSecret(own, key, follow);
  return secret instanceof ServiceError ? `The secret ${follow.secret} cannot be read: ${secret.message}` : secret;
}

async function readSecret(own: OwnPorts, { region }: ResourceKey, follow: FollowDocument): Promise<FollowSecret | ServiceError> {
  if (follow.secret === undefined) return {};
  try {
    const principal = principalOfRow(follow.sender);
    const { SecretString } = await own.calls.call(principal, { region }, 'secretsmanager:GetSecretValue', {
      SecretId: follow.secret,
    });
    return parseFollowSecret(SecretString ?? '');
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

type Following = Read<RepositoryDocument> & { readonly document: { readonly follow: FollowDocument } };

/** The repository of a webhook's address, if it follows another one. */
export async function followingOf(own: OwnPorts, id: string): Promise<Following | undefined> {
  const { account, region } = own.settings;
  const [, otherRegion = region, name = ''] = /^(?:([a-z0-9-]{1,32})\/)?([a-f0-9-]{36})$/.exec(id) ?? [];
  const known = await readRow<ReferencesDocument>(own.store, referencesKey({ account, region: otherRegion }, name));
  const row = known && (await readRow<RepositoryDocument>(own.store, repositoryKey(known.key, known.document.repositoryName)));
  return row?.document.follow ? (row as Following) : undefined;
}

/** By repository, the version of its row with which its secret was denied. */
export type DeniedSecrets = Map<string, number>;

/**
 * See GitService. A message that was sent before does no more than a fetch that finds nothing. A secret that may not be read is asked for once
 * until the repository changes, as it does with the next look that finds the secret readable: whoever cannot sign fills no ledger with denials.
 */
export async function hearMessage(
  own: OwnPorts,
  denied: DeniedSecrets,
  id: string,
  headers: Readonly<Record<string, string | undefined>>,
  body: Uint8Array,
): Promise<boolean> {
  const row = await followingOf(own, id);
  if (!row || denied.get(keyText(row.key)) === row.version) return false;
  const { key } = row;
  const secret = await readSecret(own, key, row.document.follow);
  if (secret instanceof ServiceError) {
    if (/^AccessDenied/.test(secret.code)) denied.set(keyText(key), row.version);
    return false;
  }
  denied.delete(keyText(key));
  if (secret.webhook === undefined || !isHookSigned(headers, body, secret.webhook)) return false;
  await decideAndCommit(own.store, async () => {
    const now = await readRow<RepositoryDocument>(own.store, key);
    if (!now?.document.follow) return { result: undefined };
    const timers = [{ reconciler: REPOSITORY_FOLLOW, key, dueAtMs: own.clock.now() }];
    return { commit: { expect: [{ key, version: now.version }], timers }, result: undefined };
  });
  return true;
}
