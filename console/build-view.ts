import type { OutputOf } from '../src/contract/operations.ts';
import { call } from './api.ts';
import { buildReports } from './build-reports.ts';
import { h } from './dom.ts';
import { durationText, shellWord } from './format.ts';
import { growingLog, streamsOf } from './growing-log.ts';
import { empty, listOf, statusBadge, tableOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';

export type Build = NonNullable<OutputOf<'codebuild:BatchGetBuilds'>['builds']>[number];

/** Phases, exported variables, reports and log of a build, read again and again; undefined when it is gone. */
export function buildView(id: string) {
  let log: ReturnType<typeof growingLog> | undefined;
  return async (): Promise<{ readonly build: Build | undefined; readonly parts: readonly Node[] }> => {
    const { builds: [build] = [] } = await call('codebuild:BatchGetBuilds', { ids: [id] });
    if (!build) return { build, parts: [empty(`There is no build ${id} (any more).`)] };
    const { groupName: group, streamName: stream } = build.logs ?? {};
    if (group && stream) {
      log ??= growingLog({
        about: id,
        group,
        streams: async () => (await streamsOf(group, stream)).map((name) => ({ name, label: '' })),
        command: `aws logs get-log-events --log-group-name ${shellWord(group)} --log-stream-name ${shellWord(stream)} --start-from-head`,
      });
    }
    const exported = build.exportedEnvironmentVariables ?? [];
    const parts = [
      h('p', {}, h('a', { href: linkTo('build', id) }, `Build ${build.buildNumber ?? ''}`), ' ', statusBadge(build.buildStatus)),
      phasesOf(build),
      ...(exported.length > 0
        ? [
            h('h3', { class: 'section' }, 'Exported variables'),
            listOf(exported.map(({ name = '', value = '' }) => [name, value])),
          ]
        : []),
      ...(await buildReports(build.reportArns ?? [])),
      h('h3', { class: 'section' }, 'Log'),
      ...(log ? await log.read() : [h('p', { class: 'sub' }, 'Its project keeps no log.')]),
    ];
    return { build, parts };
  };
}

function phasesOf({ phases = [] }: Build): HTMLElement {
  const rows = phases.map(({ phaseType = '', phaseStatus, startTime, endTime, contexts = [] }) => {
    const said = contexts.flatMap(({ statusCode, message }) =>
      message ? [[statusCode, message].filter(Boolean).join(': ')] : [],
    );
    const isBad = phaseStatus !== undefined && phaseStatus !== 'SUCCEEDED';
    const isRunning = phaseStatus === undefined && phaseType !== 'COMPLETED';
    return {
      key: phaseType,
      cells: [
        phaseType,
        phaseType === 'COMPLETED' ? '' : statusBadge(isRunning ? 'IN_PROGRESS' : phaseStatus),
        timeOf(startTime),
        phaseType === 'COMPLETED' ? '' : durationText(startTime, endTime),
        h(
          'div',
          {},
          said.map((text) => h('div', { class: isBad ? 'reason tight' : 'sub tight' }, text)),
        ),
      ],
    };
  });
  const isSilent = phases.every(({ contexts = [] }) => contexts.every(({ message }) => !message));
  const headings = ['Phase', 'Status', 'Started', 'Took', 'Message'].slice(0, isSilent ? 4 : 5);
  return tableOf(
    headings,
    rows.map(({ key, cells }) => ({ key, cells: cells.slice(0, headings.length) })),
  );
}
