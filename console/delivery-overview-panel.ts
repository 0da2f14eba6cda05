import type { Panel } from './delivery-page.ts';
import type { Delivery } from './delivery-reads.ts';
import { h } from './dom.ts';
import { copyable, listOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';
import { valueView } from './value-view.ts';

/** The pipeline itself, while nothing of it is chosen. */
export function overviewPanel({ name, arn, structure, state }: Delivery): Panel {
  const { artifactStore, variables = [], triggers = [] } = structure;
  const sources = structure.stages[0]?.actions ?? [];
  const content = h(
    'div',
    {},
    h('h2', { class: 'title' }, 'About'),
    h('p', { class: 'sub' }, 'Choose a stage, an action or an execution to see more of it.'),
    listOf([
      ['ARN', copyable(arn)],
      ['Role', copyable(structure.roleArn)],
      ['Artifacts', artifactStore ? copyable(`s3://${artifactStore.location}/`) : undefined],
      ['Execution mode', structure.executionMode],
      ['Type', structure.pipelineType],
      ['Version', String(structure.version)],
      ['Created', timeOf(state.created)],
      ['Changed', timeOf(state.updated)],
    ]),
    sources.length > 0 ? h('h3', { class: 'section' }, 'Sources') : undefined,
    ...sources.map(({ name: action, configuration = {} }) => h('div', {}, h('h3', {}, action), sourceOf(configuration))),
    ...(variables.length > 0 ? [h('h3', { class: 'section' }, 'Variables'), valueView(variables)] : []),
    ...(triggers.length > 0 ? [h('h3', { class: 'section' }, 'Triggers'), valueView(triggers)] : []),
    h('h3', { class: 'section' }, 'On the command line'),
    h('p', { class: 'command' }, copyable(`aws codepipeline get-pipeline-state --name ${name}`)),
  );
  return { title: '', content: [content] };
}

function sourceOf(configuration: Readonly<Record<string, string>>): HTMLElement {
  const { RepositoryName: repository } = configuration;
  return listOf(
    Object.entries(configuration).map(([key, value]) => [
      key,
      key === 'RepositoryName' && repository ? h('a', { href: linkTo('repositories', repository) }, value) : value,
    ]),
  );
}
