import type { Build, BuildNotDeleted, StartBuildInput } from '../../../contract/generated/codebuild.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { accepted, refuse } from '../../../platform/errors/rejection.ts';
import { checkToken } from '../../../platform/idempotency.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import type { WithPipelineOrigin } from '../../../platform/ports/build-origin.ts';
import { absentError, arnOf, keyOf, keyOfArn, placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { ListQuery } from '../../../platform/store/port.ts';
import { listRows, type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { buildEvents, buildWrite, describeBuild } from '../build-rows.ts';
import { begun, next } from '../decide-phases.ts';
import { decideSettings, refusedStart } from '../decide-settings.ts';
import type { BuildsPorts } from '../ports.ts';
import { BUILD, BUILD_RECONCILER, type BuildDocument, counterKey, isEnded, type ProjectDocument } from '../resources.ts';
import { releaseFiles } from '../specify-work.ts';
import { checkRole, nameOf, projectNeed, requireProject } from './projects.ts';

export const buildOperations = (ports: BuildsPorts): AnyOperation[] => [
  startBuild(ports),
  retryBuild(ports),
  stopBuild(ports),
  batchGetBuilds(ports),
  batchDeleteBuilds(ports),
  listBuilds(ports),
  listBuildsForProject(ports),
];

const PAGE_SIZE = 100;
/** Of one project at a time, queued ones included; AWS counts by account and compute type. */
const ACTIVE_BUILDS_MAX = 1_000;

type Start = StartBuildInput & WithPipelineOrigin;

/** Ids are `<project>:<uuid>`; the ARN does as well. */
const idOf = (idOrArn: string): string => keyOfArn(BUILD, idOrArn)?.name ?? idOrArn;
const projectOf = (id: string): string => idOf(id).split(':')[0] ?? '';

const startBuild = (ports: BuildsPorts) =>
  operation('codebuild:StartBuild', {
    effect: 'change',
    needs: async (input, context) => [
      projectNeed('codebuild:StartBuild', nameOf(input.projectName), context),
      ...(await passRoleNeeds(ports.roles, context.account, input.serviceRoleOverride, 'codebuild.amazonaws.com')),
    ],
    handle: (input, context) => start(ports, input as Start, context),
  });

/** The same token gives the same build: its row is written with the build's. */
async function start(
  ports: BuildsPorts,
  input: Start,
  context: OperationContext,
  restricted = context.principal.sessionPolicy !== undefined,
): Promise<{ build: Build }> {
  if (input.serviceRoleOverride !== undefined) await checkRole(ports, context.account, input.serviceRoleOverride);
  const uuid = ports.ids.uuid();
  return decideAndCommit(ports.store, async () => {
    const { idempotencyToken: token, ...request } = input;
    const use = { operation: 'StartBuild', token: token ?? '', request };
    const check = token === undefined ? undefined : await checkToken(ports.store, context, use, 'InvalidInputException');
    if (check?.outcome === 'repeat') return { result: { build: await repeated(ports, context, check.response) } };
    const project = await requireProject(ports, context, input.projectName);
    const { name } = project.document.project;
    const id = `${name}:${uuid}`;
    const key = keyOf(BUILD, context, id);
    const own = await readRow<BuildDocument>(ports.store, key);
    if (own) return { result: { build: describeBuild(key, own.document) } }; // our own write, whose answer was lost
    const counter = counterKey(context, name);
    const count = await readRow<{ last: number }>(ports.store, counter);
    await checkLimits(ports, context, project.document);
    const number = (count?.document.last ?? 0) + 1;
    const build = newBuild(project.document, input, context, uuid, { number, restricted });
    const record = check?.record({ id }, context.nowMs);
    const index = { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs };
    return {
      result: { build: describeBuild(key, build) },
      commit: {
        expect: [
          { key, version: 0 },
          { key: project.key, version: project.version },
          // counted: of two starts at once the second looks at the limits again
          { key: counter, version: count?.version ?? 0 },
          ...(record?.expect ?? []),
        ],
        write: [buildWrite(key, build), { key: counter, document: { last: number }, index }, ...(record?.write ?? [])],
        timers: [{ reconciler: BUILD_RECONCILER, key, dueAtMs: context.nowMs }, ...(record?.timers ?? [])],
        events: buildEvents(key, undefined, build),
        ledger: [entryOf(context, context.operation, [build.arn], { buildStatus: [null, build.status] })],
      },
    };
  });
}

async function repeated(ports: BuildsPorts, context: OperationContext, response: JsonObject): Promise<Build> {
  const key = keyOf(BUILD, context, String(response['id']));
  const row = await readRow<BuildDocument>(ports.store, key);
  return row ? describeBuild(key, row.document) : { id: key.name };
}

async function checkLimits(ports: BuildsPorts, context: OperationContext, { project }: ProjectDocument): Promise<void> {
  const limit = project.concurrentBuildLimit ?? ACTIVE_BUILDS_MAX;
  const query = { ...placeOf(context), kind: BUILD.kind, parent: project.name, facet: 'active', ordinalAbove: 0 };
  if ((await ports.store.count(query)) >= limit) {
    throw new ServiceError(
      'AccountLimitExceededException',
      `Cannot have more than ${limit} builds in queue for the project ${project.name}: wait for the end of one, or stop one.`,
    );
  }
}

function newBuild(
  { project, restricted: always }: ProjectDocument,
  input: Start,
  context: OperationContext,
  uuid: string,
  { number, restricted }: { readonly number: number; readonly restricted: boolean },
): BuildDocument {
  const settings = accepted(decideSettings(project, input, uuid));
  refuse(refusedStart(settings, input));
  const id = `${project.name}:${uuid}`;
  const atMs = context.nowMs;
  const phases = next([begun('SUBMITTED', atMs)], 'QUEUED', atMs);
  return {
    id,
    arn: arnOf(BUILD, context, id),
    projectName: project.name,
    number,
    status: 'IN_PROGRESS',
    currentPhase: 'QUEUED',
    phases,
    settings,
    input,
    initiator: input.PipelineOrigin?.initiator ?? initiatorOf(context),
    workId: `build-${uuid}`,
    ...((always === true || restricted) && { restricted: true }),
    createdAtMs: atMs,
    modifiedAtMs: atMs,
    requestId: context.requestId,
  };
}

/** The user's name, or `<role>/<session>`. */
const initiatorOf = ({ principal }: OperationContext): string =>
  principal.kind === 'user' ? principal.name : principal.arn.slice(principal.arn.indexOf('/') + 1);

const retryBuild = (ports: BuildsPorts) =>
  operation('codebuild:RetryBuild', {
    effect: 'change',
    needs: ({ id = '' }, context) => [projectNeed('codebuild:RetryBuild', projectOf(id), context)],
    async handle({ id = '', idempotencyToken }, context) {
      const { document } = await requireBuild(ports, context, id);
      if (!isEnded(document.status)) {
        throw new ServiceError(
          'InvalidInputException',
          `Build ${document.id} is still in progress: only a build that has ended can be retried.`,
        );
      }
      if (document.input.PipelineOrigin) {
        // it would put another artifact into the place of the one that the execution goes on with
        throw new ServiceError(
          'InvalidInputException',
          `Build ${document.id} was started by ${document.initiator}: it is repeated there, with RetryStageExecution.`,
        );
      }
      const { idempotencyToken: _before, ...input } = document.input;
      // the same commit as before, not what its branch is by now
      const version = document.sources?.[0]?.form === 'git' ? document.resolvedSourceVersion : undefined;
      const again = { ...input, ...(version !== undefined && { sourceVersion: version }) };
      // what code in a job asked for, a buildspec of its own among it, gets no further rights by whoever repeats it
      const restricted = document.restricted === true || context.principal.sessionPolicy !== undefined;
      return start(ports, { ...again, ...(idempotencyToken !== undefined && { idempotencyToken }) }, context, restricted);
    },
  });

async function requireBuild(ports: BuildsPorts, context: OperationContext, id: string): Promise<Read<BuildDocument>> {
  const name = idOf(id);
  if (!/^[^:]+:[^:]+$/.test(name))
    throw new ServiceError('InvalidInputException', `Invalid build ID: ${id}. It is <project>:<uuid>.`);
  const row = await readRow<BuildDocument>(ports.store, keyOf(BUILD, context, name));
  if (!row) throw absentError(BUILD, context, name);
  return row;
}

/** The wish is kept with the build, and wins: its end is STOPPED, whatever the build does meanwhile. */
const stopBuild = (ports: BuildsPorts) =>
  operation('codebuild:StopBuild', {
    effect: 'change',
    needs: ({ id }, context) => [projectNeed('codebuild:StopBuild', projectOf(id), context)],
    async handle({ id }, context) {
      return decideAndCommit(ports.store, async () => {
        const { key, version, document } = await requireBuild(ports, context, id);
        if (isEnded(document.status)) return { result: { build: describeBuild(key, document) } };
        const stopping: BuildDocument = { ...document, stopping: true, modifiedAtMs: context.nowMs };
        const result = { build: { ...describeBuild(key, stopping), buildStatus: 'STOPPED' as const } };
        if (document.stopping) return { result };
        return {
          result,
          commit: {
            expect: [{ key, version }],
            write: [buildWrite(key, stopping)],
            timers: [{ reconciler: BUILD_RECONCILER, key, dueAtMs: context.nowMs }],
            ledger: [entryOf(context, context.operation, [document.arn])],
          },
        };
      });
    },
  });

const batchGetBuilds = (ports: BuildsPorts) =>
  operation('codebuild:BatchGetBuilds', {
    effect: 'read',
    needs: ({ ids }, context) => ids.map((id) => projectNeed('codebuild:BatchGetBuilds', projectOf(id), context)),
    async handle({ ids }, context) {
      const builds: Build[] = [];
      const buildsNotFound: string[] = [];
      for (const id of new Set(ids)) {
        if (!/^[^:]+:[^:]+$/.test(idOf(id)))
          throw new ServiceError('InvalidInputException', `Invalid build ID: ${id}. It is <project>:<uuid>.`);
        const key = keyOf(BUILD, context, idOf(id));
        const row = await readRow<BuildDocument>(ports.store, key);
        if (row) builds.push(describeBuild(key, row.document));
        else buildsNotFound.push(id);
      }
      return { builds, buildsNotFound };
    },
  });

const batchDeleteBuilds = (ports: BuildsPorts) =>
  operation('codebuild:BatchDeleteBuilds', {
    effect: 'change',
    needs: ({ ids }, context) => ids.map((id) => projectNeed('codebuild:BatchDeleteBuilds', projectOf(id), context)),
    async handle({ ids }, context) {
      const buildsDeleted: string[] = [];
      const buildsNotDeleted: BuildNotDeleted[] = [];
      for (const id of new Set(ids)) {
        const statusCode = await deleteBuild(ports, context, idOf(id));
        if (statusCode === undefined) buildsDeleted.push(arnOf(BUILD, context, idOf(id)));
        else buildsNotDeleted.push({ id, statusCode });
      }
      return { buildsDeleted, buildsNotDeleted };
    },
  });

/** Why it was not deleted. Its files go first, which may be repeated. */
function deleteBuild(ports: BuildsPorts, context: OperationContext, id: string): Promise<string | undefined> {
  return decideAndCommit<string | undefined>(ports.store, async (count) => {
    const key = keyOf(BUILD, context, id);
    const row = await readRow<BuildDocument>(ports.store, key);
    if (!row) return { result: count > 0 ? undefined : 'BUILD_NOT_FOUND' };
    if (!isEnded(row.document.status)) return { result: 'BUILD_IN_PROGRESS' };
    await releaseFiles(ports, key, row.document);
    return {
      result: undefined,
      commit: {
        expect: [{ key, version: row.version }],
        remove: [key],
        timers: [{ reconciler: BUILD_RECONCILER, key, dueAtMs: null }],
        ledger: [entryOf(context, context.operation, [row.document.arn])],
      },
    };
  });
}

interface PageInput {
  readonly nextToken?: string;
  readonly sortOrder?: string;
}

async function listIds(ports: BuildsPorts, context: OperationContext, input: PageInput, filter: Pick<ListQuery, 'parent'>) {
  const page = await listRows<BuildDocument>(ports.store, {
    ...placeOf(context),
    ...filter,
    kind: BUILD.kind,
    sortBy: 'created',
    order: input.sortOrder === 'ASCENDING' ? 'ascending' : 'descending',
    after: decodePageToken(input.nextToken, 'InvalidInputException'),
    limit: PAGE_SIZE,
  });
  const nextToken = encodePageToken(page.next);
  return { ids: page.rows.map(({ key }) => key.name), ...(nextToken !== undefined && { nextToken }) };
}

const listBuilds = (ports: BuildsPorts) =>
  operation('codebuild:ListBuilds', {
    effect: 'read',
    needs: () => [{ action: 'codebuild:ListBuilds', resources: ['*'] }],
    handle: (input, context) => listIds(ports, context, input, {}),
  });

const listBuildsForProject = (ports: BuildsPorts) =>
  operation('codebuild:ListBuildsForProject', {
    effect: 'read',
    needs: ({ projectName }, context) => [projectNeed('codebuild:ListBuildsForProject', nameOf(projectName), context)],
    async handle(input, context) {
      const { key } = await requireProject(ports, context, input.projectName);
      return listIds(ports, context, input, { parent: key.name });
    },
  });
