import type { CreateProjectInput, Project, Tag, UpdateProjectInput } from '../../../contract/generated/codebuild.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { readTags, tagContext } from '../../../platform/resources/change-tags.ts';
import { absentError, existsError, keyOf, keyOfArn, placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Write } from '../../../platform/store/port.ts';
import { listRows, type Read, readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import { formatArn } from '../../../platform/resources/arn.ts';
import { QUEUED_MINUTES_DEFAULT, refusedProject, TIMEOUT_MINUTES_DEFAULT } from '../decide-settings.ts';
import type { BuildsPorts } from '../ports.ts';
import { cacheKey, PROJECT, projectArn, type ProjectDocument } from '../resources.ts';

export const projectOperations = (ports: BuildsPorts): AnyOperation[] => [
  createProject(ports),
  updateProject(ports),
  deleteProject(ports),
  batchGetProjects(ports),
  listProjects(ports),
  invalidateProjectCache(ports),
];

const PAGE_SIZE = 100;
const ROLE_SERVICE = 'codebuild.amazonaws.com';

/** CodeBuild's tags are spelled in lower case. */
const upperTags = (tags: readonly Tag[] = []) => tags.map(({ key = '', value = '' }) => ({ Key: key, Value: value }));

export const projectNeed = (action: string, name: string, context: OperationContext): AuthorizationNeed => ({
  action,
  resources: [projectArn(placeOf(context), name)],
});

async function projectNeeds(
  ports: BuildsPorts,
  action: string,
  input: Pick<UpdateProjectInput, 'name' | 'serviceRole' | 'tags' | 'buildBatchConfig'>,
  context: OperationContext,
): Promise<AuthorizationNeed[]> {
  const need = projectNeed(action, nameOf(input.name), context);
  return [
    { ...need, ...(input.tags && { context: tagContext(upperTags(input.tags)) }) },
    ...(await passRoleNeeds(ports.roles, context.account, input.serviceRole, ROLE_SERVICE)),
    ...(await passRoleNeeds(ports.roles, context.account, input.buildBatchConfig?.serviceRole, ROLE_SERVICE)),
  ];
}

/** As CodeBuild does: a role that cannot be assumed is refused before anything is made. */
export async function checkRole(ports: BuildsPorts, account: string, roleArn: string): Promise<void> {
  try {
    await ports.roles.assume({ account, roleArn, service: ROLE_SERVICE, sessionName: 'AWSCodeBuild' });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw new ServiceError(
      'InvalidInputException',
      `CodeBuild is not authorized to perform: sts:AssumeRole on ${roleArn}. ${error.message}`,
    );
  }
}

const projectWrite = (key: Read<unknown>['key'], document: ProjectDocument): Write =>
  writeOf(key, document, { createdAtMs: document.createdAtMs, modifiedAtMs: document.modifiedAtMs });

export async function requireProject(
  ports: BuildsPorts,
  context: OperationContext,
  name: string,
): Promise<Read<ProjectDocument>> {
  const row = await readRow<ProjectDocument>(ports.store, keyOf(PROJECT, context, nameOf(name)));
  if (!row) throw absentError(PROJECT, context, nameOf(name));
  return row;
}

/** A project may be named by its ARN. */
export const nameOf = (nameOrArn: string): string => keyOfArn(PROJECT, nameOrArn)?.name ?? nameOrArn;

const createProject = (ports: BuildsPorts) =>
  operation('codebuild:CreateProject', {
    effect: 'change',
    needs: (input, context) => projectNeeds(ports, 'codebuild:CreateProject', input, context),
    async handle(input, context) {
      const project = newProject(input, context);
      refuse(refusedProject(project));
      await checkRole(ports, context.account, input.serviceRole);
      const key = keyOf(PROJECT, context, input.name);
      const document: ProjectDocument = {
        project,
        ...(context.principal.sessionPolicy && { restricted: true }),
        createdAtMs: context.nowMs,
        modifiedAtMs: context.nowMs,
        requestId: context.requestId,
      };
      const tagged = tagsWrite(project.arn, upperTags(input.tags), context.nowMs);
      await decideAndCommit(ports.store, async () => {
        const existing = await readRow<ProjectDocument>(ports.store, key);
        if (existing?.document.requestId === context.requestId) return { result: undefined };
        if (existing) throw existsError(PROJECT, context, input.name);
        return {
          result: undefined,
          commit: {
            expect: [{ key, version: 0 }],
            write: [projectWrite(key, document), ...(tagged ? [tagged] : [])],
            ledger: [entryOf(context, context.operation, [project.arn], changedMembers(undefined, shown(project)))],
          },
        };
      });
      return { project: { ...project, tags: input.tags ?? [] } };
    },
  });

/** Values of variables may be secrets that somebody put there in plain text: the ledger has their names. */
function shown(project: Project): object {
  const { environment, ...rest } = project;
  const names = (environment?.environmentVariables ?? []).map(({ name, type = 'PLAINTEXT' }) => ({ name, type }));
  return {
    ...rest,
    ...(environment && { environment: { ...environment, environmentVariables: names } }),
  };
}

function newProject(input: CreateProjectInput, context: OperationContext): ProjectDocument['project'] {
  const { tags: _tags, badgeEnabled, ...members } = input;
  const arn = projectArn(placeOf(context), input.name);
  return {
    ...members,
    arn,
    description: input.description ?? '',
    source: { insecureSsl: false, ...input.source },
    secondarySources: input.secondarySources ?? [],
    secondarySourceVersions: input.secondarySourceVersions ?? [],
    secondaryArtifacts: input.secondaryArtifacts ?? [],
    artifacts:
      input.artifacts.type === 'S3'
        ? { name: input.name, packaging: 'NONE', namespaceType: 'NONE', ...input.artifacts }
        : input.artifacts,
    cache: input.cache ?? { type: 'NO_CACHE' },
    environment: { environmentVariables: [], privilegedMode: false, imagePullCredentialsType: 'CODEBUILD', ...input.environment },
    timeoutInMinutes: input.timeoutInMinutes ?? TIMEOUT_MINUTES_DEFAULT,
    queuedTimeoutInMinutes: input.queuedTimeoutInMinutes ?? QUEUED_MINUTES_DEFAULT,
    encryptionKey:
      input.encryptionKey ??
      formatArn({ service: 'kms', region: context.region, account: context.account, resource: 'alias/aws/s3' }),
    badge: { badgeEnabled: badgeEnabled ?? false },
    projectVisibility: 'PRIVATE',
    created: context.nowMs,
    lastModified: context.nowMs,
  };
}

const updateProject = (ports: BuildsPorts) =>
  operation('codebuild:UpdateProject', {
    effect: 'change',
    needs: (input, context) => projectNeeds(ports, 'codebuild:UpdateProject', input, context),
    async handle(input, context) {
      if (input.serviceRole !== undefined) await checkRole(ports, context.account, input.serviceRole);
      return decideAndCommit(ports.store, async () => {
        const { key, version, document } = await requireProject(ports, context, input.name);
        const project = updatedProject(document.project, input, context);
        refuse(refusedProject(project));
        const tags = input.tags ? upperTags(input.tags) : await readTags(ports.store, project.arn);
        const tagged = input.tags && tagsWrite(project.arn, tags, context.nowMs);
        const next: ProjectDocument = {
          ...document,
          project,
          ...(context.principal.sessionPolicy && { restricted: true }),
          modifiedAtMs: context.nowMs,
        };
        return {
          result: { project: { ...project, tags: tags.map(({ Key, Value }) => ({ key: Key, value: Value })) } },
          commit: {
            expect: [{ key, version }],
            write: [projectWrite(key, next), ...(tagged ? [tagged] : [])],
            ...(input.tags?.length === 0 && { remove: [tagsKey(project.arn)] }),
            ledger: [entryOf(context, context.operation, [project.arn], changedMembers(shown(document.project), shown(project)))],
          },
        };
      });
    },
  });

function updatedProject(
  before: ProjectDocument['project'],
  input: UpdateProjectInput,
  context: OperationContext,
): ProjectDocument['project'] {
  const { tags: _tags, badgeEnabled, concurrentBuildLimit, name: _name, ...members } = input;
  const { concurrentBuildLimit: limitBefore, ...kept } = before;
  // AWS takes -1 for: without limit again
  const limit = concurrentBuildLimit === -1 ? undefined : (concurrentBuildLimit ?? limitBefore);
  const given = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
  return {
    ...kept,
    ...given,
    ...(limit !== undefined && { concurrentBuildLimit: limit }),
    ...(badgeEnabled !== undefined && { badge: { badgeEnabled } }),
    lastModified: context.nowMs,
  };
}

/** Its builds stay, as on AWS; what runs goes on. */
const deleteProject = (ports: BuildsPorts) =>
  operation('codebuild:DeleteProject', {
    effect: 'change',
    needs: ({ name }, context) => [projectNeed('codebuild:DeleteProject', nameOf(name), context)],
    async handle({ name }, context) {
      await decideAndCommit(ports.store, async () => {
        const key = keyOf(PROJECT, context, nameOf(name));
        const row = await readRow<ProjectDocument>(ports.store, key);
        if (!row) return { result: undefined };
        const { arn } = row.document.project;
        return {
          result: undefined,
          commit: {
            expect: [{ key, version: row.version }],
            remove: [key, tagsKey(arn), cacheKey(context, key.name)],
            ledger: [entryOf(context, context.operation, [arn], changedMembers(shown(row.document.project), undefined))],
          },
        };
      });
      return {};
    },
  });

const batchGetProjects = (ports: BuildsPorts) =>
  operation('codebuild:BatchGetProjects', {
    effect: 'read',
    needs: ({ names }, context) => names.map((name) => projectNeed('codebuild:BatchGetProjects', nameOf(name), context)),
    async handle({ names }, context) {
      const projects: Project[] = [];
      const projectsNotFound: string[] = [];
      for (const name of new Set(names)) {
        const row = await readRow<ProjectDocument>(ports.store, keyOf(PROJECT, context, nameOf(name)));
        if (!row) {
          projectsNotFound.push(name);
          continue;
        }
        const { project } = row.document;
        const tags = await readTags(ports.store, project.arn);
        projects.push({ ...project, tags: tags.map(({ Key, Value }) => ({ key: Key, value: Value })) });
      }
      return { projects, projectsNotFound };
    },
  });

const SORTS = { NAME: 'name', CREATED_TIME: 'created', LAST_MODIFIED_TIME: 'modified' } as const;

const listProjects = (ports: BuildsPorts) =>
  operation('codebuild:ListProjects', {
    effect: 'read',
    needs: () => [{ action: 'codebuild:ListProjects', resources: ['*'] }],
    async handle(input, context) {
      const page = await listRows<ProjectDocument>(ports.store, {
        ...placeOf(context),
        kind: PROJECT.kind,
        sortBy: SORTS[input.sortBy ?? 'NAME'],
        order: input.sortOrder === 'DESCENDING' ? 'descending' : 'ascending',
        after: decodePageToken(input.nextToken, 'InvalidInputException'),
        limit: PAGE_SIZE,
      });
      const nextToken = encodePageToken(page.next);
      return { projects: page.rows.map(({ key }) => key.name), ...(nextToken !== undefined && { nextToken }) };
    },
  });

/** A cache in S3 stays where it is, and is not looked at any more. */
const invalidateProjectCache = (ports: BuildsPorts) =>
  operation('codebuild:InvalidateProjectCache', {
    effect: 'change',
    needs: ({ projectName }, context) => [projectNeed('codebuild:InvalidateProjectCache', nameOf(projectName), context)],
    async handle({ projectName }, context) {
      await decideAndCommit(ports.store, async () => {
        const { key, version, document } = await requireProject(ports, context, projectName);
        if (document.cacheFromMs === context.nowMs) return { result: undefined };
        return {
          result: undefined,
          commit: {
            expect: [{ key, version }],
            write: [projectWrite(key, { ...document, cacheFromMs: context.nowMs })],
            remove: [cacheKey(context, key.name)],
            ledger: [entryOf(context, context.operation, [document.project.arn])],
          },
        };
      });
      return {};
    },
  });
