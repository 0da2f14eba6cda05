import type { Principal } from '../../platform/authorization/principal.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import type { EventInput } from '../../platform/events/event.ts';
import type { Subscription } from '../../platform/calls/operation.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import type { Cursor, Store } from '../../platform/store/port.ts';
import { listRows, type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import { isBranchMeant, isPushMeant, needsPaths, type Watched } from './decide-sources.ts';
import { uuidOf } from './names.ts';
import { SERVICE } from './perform.ts';
import type { DeliveryPorts } from './ports.ts';
import {
  type ExecutionDocument,
  executionKey,
  incarnationOf,
  isUnsettled,
  type PipelineDocument,
  pipelineKey,
  SOURCE_KIND,
  SOURCE_RECONCILER,
  type SourceDocument,
  sourcePlaceKey,
} from './resources.ts';
import { merged, resolveVariables, startParts } from './start-execution.ts';
import { changeEntry } from './transitions.ts';

const SOURCES_PAGE = 200;
/** Events tell of most changes; these looks find the others. */
const LOOK_GIT_MS = 60_000;
const LOOK_OBJECT_MS = 15_000;
const LOOK_SOON_MS = 1_000;
/** Of a repository; what a pipeline with a trigger misses beyond is told to the log, once. */
const BRANCHES_MAX = 1_000;

/** Looks at one place, such as a repository, for all pipelines that watch it, and starts those whose source has changed. */
export const sourceReconciler = (ports: DeliveryPorts, places: Set<string>, crowded = new Set<string>()): Reconciler => ({
  name: SOURCE_RECONCILER,
  async reconcile(key) {
    const place = await ports.store.get(key);
    const rows = await sourcesAt(ports.store, key);
    // every watched place comes by here before its first event: its timer was due when it was written, and is at each start
    if (rows.length > 0) places.add(keyText(key));
    else {
      places.delete(keyText(key));
      const { outcome } = await ports.store.commit({
        expect: [{ key, version: place?.version ?? 0 }],
        ...(place && { remove: [key] }),
        timers: [{ reconciler: SOURCE_RECONCILER, key, dueAtMs: null }],
      });
      // a pipeline that watches it was just made
      return outcome === 'done' ? undefined : { retryAtMs: ports.clock.now() };
    }
    const waits = await Promise.all(rows.map((row) => lookAt(ports, key, row, crowded)));
    const everyMs = key.name.startsWith('git/') ? LOOK_GIT_MS : LOOK_OBJECT_MS;
    return { retryAtMs: ports.clock.now() + (waits.includes('soon') ? LOOK_SOON_MS : everyMs) };
  },
});

/** All that watch a place, however many pipelines there are. */
async function sourcesAt(store: Store, { account, region, name: parent }: ResourceKey): Promise<Read<SourceDocument>[]> {
  const found: Read<SourceDocument>[] = [];
  let after: Cursor | undefined;
  do {
    const page = await listRows<SourceDocument>(store, {
      account,
      region,
      kind: SOURCE_KIND,
      parent,
      sortBy: 'name',
      order: 'ascending',
      limit: SOURCES_PAGE,
      ...(after && { after }),
    });
    found.push(...page.rows);
    after = page.next;
  } while (after);
  return found;
}

type Heads = { [ref: string]: string };

async function lookAt(
  ports: DeliveryPorts,
  place: ResourceKey,
  row: Read<SourceDocument>,
  crowded: Set<string>,
): Promise<'soon' | 'later'> {
  const { document } = row;
  const pipeline = await readRow<PipelineDocument>(ports.store, pipelineKey(place, document.pipelineName));
  if (!pipeline || incarnationOf(pipeline.document) !== document.incarnation) return 'later';
  const before = document.heads ?? (await baselineOf(ports, place, document));
  if (before === 'running') return 'soon';
  let heads: Heads;
  let changed: readonly Changed[];
  try {
    const looking = { ports, place, principal: await principalOf(ports, place, pipeline.document), crowded };
    heads = await headsOf(looking, document.watched);
    changed = before === 'unknown' ? [] : await changesOf(looking, document.watched, before, heads);
  } catch (error) {
    // the role may not look, or there is nothing to look at: that may change, and an execution would say so
    if (error instanceof ServiceError) return 'later';
    throw error;
  }
  if (document.heads && sameHeads(document.heads, heads)) return 'later';
  return takeUp(ports, row, pipeline, heads, changed);
}

interface Changed {
  readonly ref: string;
  readonly revision: string;
}

/** The heads, and the executions they start, in one commit. */
async function takeUp(
  ports: DeliveryPorts,
  { key, version, document, index }: Read<SourceDocument>,
  pipeline: Read<PipelineDocument>,
  heads: Heads,
  changed: readonly Changed[],
): Promise<'soon' | 'later'> {
  const nowMs = ports.clock.now();
  // one at a time: each stands in line behind the one before
  const [first, ...rest] = changed;
  const taken: Heads = { ...heads };
  for (const { ref } of rest) {
    const earlier = document.heads?.[ref];
    if (earlier === undefined) delete taken[ref];
    else taken[ref] = earlier;
  }
  const source = {
    expect: [{ key, version }],
    write: [writeOf(key, { ...document, heads: taken }, { ...index, modifiedAtMs: nowMs })],
  };
  try {
    const parts = first ? [await startFor(ports, key, document, pipeline, first, nowMs)] : [];
    const { outcome } = await ports.store.commit(merged(source, ...parts));
    if (outcome === 'unknown') throw new BackendError('storage', 'A commit was not answered.', { retryable: true });
    return outcome === 'conflict' || rest.length > 0 ? 'soon' : 'later';
  } catch (error) {
    // too many run already, or a variable has no value: what is not taken up now is at the next look
    if (error instanceof ServiceError) return 'later';
    throw error;
  }
}

/** Nobody's call carries an entry of this start: it has its own. */
async function startFor(
  ports: DeliveryPorts,
  place: ResourceKey,
  { watched, incarnation }: SourceDocument,
  pipeline: Read<PipelineDocument>,
  { ref, revision }: Changed,
  nowMs: number,
) {
  const isGit = watched.kind === 'git';
  const request = {
    executionId: uuidOf(incarnation, watched.action, ref, revision, nowMs),
    trigger: {
      type: isGit && watched.push ? ('WebhookV2' as const) : ('PollForSourceChanges' as const),
      detail: isGit ? `${watched.repository} ${ref} ${revision}` : `${watched.bucket}/${watched.objectKey} ${revision}`,
    },
    variables: resolveVariables(pipeline.document.declaration),
    overrides: [
      {
        actionName: watched.action,
        revisionType: isGit ? ('COMMIT_ID' as const) : ('S3_OBJECT_VERSION_ID' as const),
        revisionValue: revision,
      },
    ],
    ...(isGit && ref !== watched.branch && { branches: { [watched.action]: ref } }),
  };
  const parts = await startParts(ports.store, place, pipeline, request, nowMs);
  const execution = { pipelineArn: pipeline.document.arn, executionId: request.executionId };
  return merged(parts, { ledger: [changeEntry(place, execution, { of: 'pipeline', state: 'STARTED' }, nowMs)] });
}

/**
 * What the first look is compared with: what the execution that a new pipeline starts with saw of the source. Without one everything that
 * is there now is known already.
 */
async function baselineOf(
  ports: DeliveryPorts,
  place: ResourceKey,
  { baseline, incarnation, watched }: SourceDocument,
): Promise<Heads | 'running' | 'unknown'> {
  if (baseline === undefined || (watched.kind === 'git' && watched.push)) return 'unknown';
  const row = await readRow<ExecutionDocument>(ports.store, executionKey(place, incarnation, baseline));
  if (!row) return 'unknown';
  const action = row.document.actions.find(({ name, stage }) => name === watched.action && stage === watched.stage);
  if (isUnsettled(row.document) && (!action || action.status === 'InProgress')) return 'running';
  const revision = action?.revision?.revisionId;
  return revision === undefined ? {} : { [refOf(watched)]: revision };
}

const refOf = (watched: Watched): string => (watched.kind === 'git' ? watched.branch : '');

const sameHeads = (a: Heads, b: Heads): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([ref, revision]) => b[ref] === revision);

interface Looking {
  readonly ports: DeliveryPorts;
  readonly place: ResourceKey;
  readonly principal: Principal;
  /** Repositories with more branches than are looked at, of which the log was told. */
  readonly crowded: Set<string>;
}

const principalOf = ({ roles }: DeliveryPorts, { account }: ResourceKey, { declaration, name, arn }: PipelineDocument) =>
  roles.assume({ account, roleArn: declaration.roleArn, service: SERVICE, sessionName: name, onBehalfOf: arn });

const originOf = ({ place }: Looking) => ({ region: place.region, requestId: place.name });

async function headsOf(looking: Looking, watched: Watched): Promise<Heads> {
  const { ports, principal } = looking;
  if (watched.kind === 's3') {
    const input = { Bucket: watched.bucket, Key: watched.objectKey };
    const { VersionId } = await ports.calls.call(principal, originOf(looking), 's3:HeadObject', input);
    return VersionId === undefined || VersionId === 'null' ? {} : { '': VersionId };
  }
  const branches = watched.push ? await branchesOf(looking, watched.repository) : [watched.branch];
  const meant = branches.filter((branch) => !watched.push || isBranchMeant(watched.push, branch));
  const heads: Heads = {};
  for (const branchName of meant) {
    const input = { repositoryName: watched.repository, branchName };
    const { branch } = await ports.calls.call(principal, originOf(looking), 'codecommit:GetBranch', input);
    if (branch?.commitId !== undefined) heads[branchName] = branch.commitId;
  }
  return heads;
}

async function branchesOf(looking: Looking, repositoryName: string): Promise<string[]> {
  const found: string[] = [];
  let nextToken: string | undefined;
  do {
    const input = { repositoryName, ...(nextToken !== undefined && { nextToken }) };
    const page = await looking.ports.calls.call(looking.principal, originOf(looking), 'codecommit:ListBranches', input);
    found.push(...(page.branches ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined && found.length <= BRANCHES_MAX);
  if (found.length > BRANCHES_MAX) tellCrowded(looking, repositoryName);
  return found.slice(0, BRANCHES_MAX);
}

function tellCrowded({ ports, place, crowded }: Looking, repository: string): void {
  const id = keyText(place);
  if (crowded.has(id)) return;
  crowded.add(id);
  const text = `Only the first ${BRANCHES_MAX} branches of the repository are looked at: pushes to others start no pipeline.`;
  ports.log.warn({ repository, region: place.region }, text);
}

async function changesOf(looking: Looking, watched: Watched, before: Heads, heads: Heads): Promise<Changed[]> {
  const changed: Changed[] = [];
  for (const [ref, revision] of Object.entries(heads)) {
    if (before[ref] === revision) continue;
    const push = watched.kind === 'git' ? watched.push : undefined;
    const paths =
      watched.kind === 'git' && push && needsPaths(push)
        ? await pathsSince(looking, watched.repository, before[ref], revision)
        : [];
    if (!push || isPushMeant(push, ref, paths)) changed.push({ ref, revision });
  }
  return changed;
}

/** All files, where what was there before is in the repository no more: it was made anew. */
const pathsSince = (looking: Looking, repository: string, from: string | undefined, to: string): Promise<string[]> =>
  pathsOf(looking, repository, from, to).catch((error: unknown) => {
    if (from === undefined || !(error instanceof ServiceError) || error.code !== 'CommitDoesNotExistException') throw error;
    return pathsOf(looking, repository, undefined, to);
  });

async function pathsOf(looking: Looking, repositoryName: string, from: string | undefined, to: string): Promise<string[]> {
  const paths: string[] = [];
  let NextToken: string | undefined;
  do {
    const { differences = [], NextToken: next } = await looking.ports.calls.call(
      looking.principal,
      originOf(looking),
      'codecommit:GetDifferences',
      {
        repositoryName,
        afterCommitSpecifier: to,
        ...(from !== undefined && { beforeCommitSpecifier: from }),
        ...(NextToken !== undefined && { NextToken }),
      },
    );
    for (const { beforeBlob, afterBlob } of differences) {
      for (const path of [beforeBlob?.path, afterBlob?.path]) if (path !== undefined) paths.push(path);
    }
    NextToken = next;
  } while (NextToken !== undefined);
  return paths;
}

/** Wakes the places that pipelines watch, which the reconciler keeps in `places`: most objects are nobody's source. */
export function sourceSubscriptions(places: ReadonlySet<string>): Subscription[] {
  const wake = ({ account, region }: EventInput, name: string) => {
    const key = sourcePlaceKey({ account, region }, name);
    return places.has(keyText(key)) ? [{ reconciler: SOURCE_RECONCILER, key }] : [];
  };
  return [
    {
      detailType: 'CodeCommit Repository State Change',
      wakes: (event) => wake(event, `git/${String(event.detail['repositoryName'])}`),
    },
    {
      detailType: 'Object Created',
      wakes: (event) => {
        const { bucket, object } = event.detail as { bucket?: { name?: string }; object?: { key?: string } };
        return wake(event, `s3/${bucket?.name}/${object?.key}`);
      },
    },
  ];
}
