import { call, callAll, isRefusal } from './api.ts';
import type { Page } from './page.ts';
import type { Build } from './build-view.ts';
import { h } from './dom.ts';
import { durationText } from './format.ts';
import { card, command, empty, type Row, statusBadge, tableOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';

const NEWEST_OF_EACH = 5;
const NEWEST_OF_ONE = 100;

/** Builds of all projects, or of one; a build that has ended is read once. */
export const buildsPage: Page = (project) => {
  const known = new Map<string, Build>();
  const buildsOf = async (projectName: string): Promise<Build[]> => {
    const { ids: all = [] } = await call('codebuild:ListBuildsForProject', { projectName, sortOrder: 'DESCENDING' });
    const ids = all.slice(0, project ? NEWEST_OF_ONE : NEWEST_OF_EACH);
    const asked = ids.filter((id) => !known.get(id)?.buildComplete);
    if (asked.length > 0) {
      const { builds = [] } = await call('codebuild:BatchGetBuilds', { ids: asked });
      for (const build of builds) known.set(build.id ?? '', build);
    }
    return ids.flatMap((id) => known.get(id) ?? []);
  };
  return async () => {
    const projects = project ? [project] : await readProjects();
    const refusals: string[] = [];
    // who may not see the builds of one project may still see the others
    const builds = (await Promise.all(projects.map((name) => buildsOf(name).catch(noteRefusal(name, refusals))))).flat();
    builds.sort((a, b) => (b.startTime ?? 0) - (a.startTime ?? 0));
    return {
      title: project || 'Builds',
      content: [
        h('h1', {}, 'Builds', project ? ` of ${project}` : ''),
        project
          ? h('p', { class: 'sub' }, `The newest ${NEWEST_OF_ONE}. `, h('a', { href: linkTo('builds') }, 'Those of all projects'))
          : h('p', { class: 'sub' }, `The newest ${NEWEST_OF_EACH} of each of ${projects.length} projects.`),
        ...refusals.map((text) => h('p', { class: 'reason' }, text)),
        ...(builds.length > 0 ? [card(tableOf(HEADINGS, builds.map(rowOf)))] : []),
        ...(builds.length + refusals.length === 0 ? [card(nothing(projects, project))] : []),
      ],
      live: true,
    };
  };
};

const noteRefusal =
  (project: string, refusals: string[]) =>
  (error: unknown): Build[] => {
    if (!isRefusal(error)) throw error;
    refusals.push(`${project}: ${error.code}: ${error.message}`);
    return [];
  };

const HEADINGS = ['Build', 'Project', 'Status', 'Phase', 'Started', 'Took', 'Started by'];

const readProjects = (): Promise<string[]> =>
  callAll<string>(async (nextToken) => {
    const page = await call('codebuild:ListProjects', { nextToken });
    return [page.projects, page.nextToken];
  });

const nothing = (projects: readonly string[], project: string): HTMLElement =>
  projects.length > 0
    ? empty(
        h('p', {}, `No build yet${project ? ` of ${project}` : ''}.`),
        command(`aws codebuild start-build --project-name ${project || projects[0]}`),
      )
    : empty(h('p', {}, 'No build project yet.'), command('aws codebuild create-project --cli-input-json file://project.json'));

function rowOf({
  id = '',
  buildNumber,
  projectName = '',
  buildStatus,
  currentPhase,
  startTime,
  endTime,
  initiator = '',
}: Build): Row {
  const [, pipeline] = /^codepipeline\/(.+)$/.exec(initiator) ?? [];
  return {
    key: id,
    cells: [
      h('a', { href: linkTo('build', id), title: id }, `${buildNumber ?? id}`),
      h('a', { href: linkTo('builds', projectName) }, projectName),
      statusBadge(buildStatus),
      buildStatus === 'IN_PROGRESS' ? (currentPhase ?? '') : '',
      timeOf(startTime),
      durationText(startTime, endTime),
      pipeline ? h('a', { href: linkTo('delivery', pipeline) }, initiator) : initiator || '–',
    ],
  };
}
