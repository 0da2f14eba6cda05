import { folded, type Keep } from './deed.ts';
import { tookOf } from './delivery-board.ts';
import { triggerOf } from './delivery-history.ts';
import { type Panel, stopForm } from './delivery-page.ts';
import { type Delivery, isRunning, readExecution } from './delivery-reads.ts';
import { executionLink } from './delivery-stage-panel.ts';
import { h } from './dom.ts';
import { durationText, shortId, shortRevision } from './format.ts';
import { copyable, empty, listOf, statusBadge, tableOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';
import { valueView } from './value-view.ts';

/** One execution: what started it, with which revisions and variables, and every attempt at an action. */
export async function executionPanel(delivery: Delivery, id: string, keep: Keep): Promise<Panel> {
  const title = shortId(id);
  const execution = await readExecution(delivery.name, id);
  if (!execution) return { title, content: [empty(`There is no execution ${id} of this pipeline (any more).`)] };
  const summary = delivery.executions.find(({ pipelineExecutionId }) => pipelineExecutionId === id);
  const {
    status,
    statusSummary,
    executionMode,
    executionType,
    rollbackMetadata,
    variables = [],
    artifactRevisions = [],
  } = execution;
  const target = rollbackMetadata?.rollbackTargetPipelineExecutionId;
  const content = [
    h('h2', { class: 'title' }, `Execution ${title} `, statusBadge(status)),
    h('p', { class: 'sub' }, copyable(id)),
    statusSummary ? h('p', { class: 'reason' }, statusSummary) : undefined,
    listOf([
      ['Trigger', triggerOf(execution)],
      ['Started', timeOf(summary?.startTime)],
      ['Took', durationText(summary?.startTime, isRunning(status) ? undefined : summary?.lastUpdateTime)],
      ['Stopped because', summary?.stopTrigger?.reason],
      ['Rolls back to', target ? executionLink(delivery, target) : undefined],
      ['Mode', executionMode],
      ['Type', executionType],
      ['Pipeline version', execution.pipelineVersion === undefined ? undefined : String(execution.pipelineVersion)],
    ]),
    isRunning(status) ? keep.element(`stop ${id} here`, () => folded('Stop…', ...stopForm(delivery.name, id))) : undefined,
    ...(variables.length > 0 ? [h('h3', { class: 'section' }, 'Variables'), variablesOf(variables)] : []),
    ...(artifactRevisions.length > 0 ? [h('h3', { class: 'section' }, 'Revisions'), revisionsOf(artifactRevisions)] : []),
    h('h3', { class: 'section' }, 'Actions'),
    attemptsOf(delivery, id),
  ].filter((node) => node !== undefined);
  return { title, content: [h('div', { 'data-key': id }, content)] };
}

const variablesOf = (variables: readonly { name?: string; resolvedValue?: string }[]): HTMLElement =>
  valueView(Object.fromEntries(variables.map(({ name = '', resolvedValue = '' }) => [name, resolvedValue])));

type Revision = { name?: string; revisionId?: string; revisionSummary?: string };

const revisionsOf = (revisions: readonly Revision[]): HTMLElement =>
  tableOf(
    ['Artifact', 'Revision', 'Message'],
    revisions.map(({ name = '', revisionId, revisionSummary = '' }) => ({
      key: name,
      cells: [name, h('code', { title: revisionId }, shortRevision(revisionId)), h('div', { class: 'message' }, revisionSummary)],
    })),
  );

function attemptsOf(delivery: Delivery, id: string): HTMLElement {
  const attempts = [...(delivery.attempts.get(id) ?? [])].sort((a, b) => (a.startTime ?? 0) - (b.startTime ?? 0));
  if (attempts.length === 0) return empty('No action has started yet.');
  const rows = attempts.map((attempt) => {
    const { stageName: stage = '', actionName: action = '', actionExecutionId: key = '', status, startTime } = attempt;
    return {
      key,
      cells: [
        stage,
        h('a', { href: linkTo('delivery', delivery.name, { stage, action, execution: id }) }, action),
        statusBadge(status),
        timeOf(startTime),
        tookOf(attempt),
      ],
    };
  });
  return tableOf(['Stage', 'Action', 'Status', 'Started', 'Took'], rows);
}
