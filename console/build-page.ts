import { call } from './api.ts';
import type { Page } from './page.ts';
import { type Build, buildView } from './build-view.ts';
import { deedForm, type Keep, keeper } from './deed.ts';
import { h } from './dom.ts';
import { durationText, lastPart, shortRevision } from './format.ts';
import { linkOfArn } from './links.ts';
import { card, copyable, listOf, statusBadge, timeOf } from './parts.ts';
import { linkTo } from './route.ts';

/** One build: phases, log, reports, and what it was made of. */
export const buildPage: Page = (id) => {
  const view = buildView(id);
  const keep = keeper();
  return async () => {
    const { build, parts } = await view();
    if (!build) return { title: id, content: [h('h1', {}, id), card(...parts)], live: false };
    return {
      title: `${id} · ${build.buildStatus ?? ''}`,
      content: [
        ...headOf(build, keep),
        h('div', { class: 'columns stacked' }, card(...parts.slice(1)), card(h('h2', {}, 'About'), aboutOf(build))),
      ],
      live: !build.buildComplete,
    };
  };
};

function headOf(build: Build, keep: Keep): HTMLElement[] {
  const { projectName = '', buildNumber, buildStatus: status, startTime, endTime, currentPhase, arn = '' } = build;
  const when = build.buildComplete ? 'took' : `${currentPhase}, running for`;
  return [
    h(
      'div',
      { class: 'head' },
      h(
        'div',
        {},
        h(
          'h1',
          {},
          h('a', { href: linkTo('builds', projectName) }, projectName),
          ` / build ${buildNumber ?? ''} `,
          statusBadge(status),
        ),
        h('p', { class: 'sub' }, 'started ', timeOf(startTime), ` · ${when} ${durationText(startTime, endTime)}`),
        h('p', { class: 'sub' }, copyable(arn)),
      ),
      h(
        'div',
        { class: 'head-deeds' },
        build.buildComplete ? keep.element('retry', () => retryForm(build)) : keep.element('stop', () => stopForm(build)),
      ),
    ),
  ];
}

const stopForm = ({ id = '' }: Build): HTMLElement =>
  deedForm(
    [],
    [
      {
        label: 'Stop build',
        look: 'bad',
        async act() {
          await call('codebuild:StopBuild', { id });
          return 'Stopping.';
        },
      },
    ],
  );

const retryForm = ({ id = '' }: Build): HTMLElement =>
  deedForm(
    [],
    [
      {
        label: 'Retry build',
        look: 'plain',
        async act() {
          const { build } = await call('codebuild:RetryBuild', { id });
          location.hash = linkTo('build', build?.id ?? id);
          return 'Started.';
        },
      },
    ],
  );

function aboutOf(build: Build): HTMLElement {
  const { source, environment, initiator = '', artifacts, serviceRole, timeoutInMinutes, cache } = build;
  const [, pipeline] = /^codepipeline\/(.+)$/.exec(initiator) ?? [];
  return listOf([
    ['Started by', pipeline ? h('a', { href: linkTo('delivery', pipeline) }, initiator) : initiator],
    [
      'Source',
      [source?.type, source?.location && (linkOfArn(source?.location) ? lastPart(source?.location) : source?.location)]
        .filter(Boolean)
        .join(' '),
    ],
    ['Source version', build.sourceVersion],
    [
      'Resolved',
      build.resolvedSourceVersion
        ? h('code', { title: build.resolvedSourceVersion }, shortRevision(build.resolvedSourceVersion))
        : undefined,
    ],
    ['Image', environment?.image],
    ['Compute', environment?.computeType],
    ['Cache', cache?.type],
    ['Artifacts', artifacts?.location ? copyable(artifacts.location) : undefined],
    ['SHA-256', artifacts?.sha256sum],
    ['Role', serviceRole ? copyable(serviceRole) : undefined],
    ['Time limit', timeoutInMinutes === undefined ? undefined : `${timeoutInMinutes} min`],
  ]);
}
