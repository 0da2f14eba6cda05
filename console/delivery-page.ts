import { call } from './api.ts';
import type { Page } from './page.ts';
import { deedForm, folded, type Keep, keeper } from './deed.ts';
import { actionPanel } from './delivery-action-panel.ts';
import { deliveryBoard } from './delivery-board.ts';
import { executionPanel } from './delivery-execution-panel.ts';
import { historyOf } from './delivery-history.ts';
import { overviewPanel } from './delivery-overview-panel.ts';
import { type Delivery, deliveryReader, isRunning } from './delivery-reads.ts';
import { stagePanel, transitionPanel } from './delivery-stage-panel.ts';
import { h } from './dom.ts';
import { shortId } from './format.ts';
import { card, statusBadge, timeOf } from './parts.ts';
import { linkTo, type Route } from './route.ts';

/** A delivery pipeline: its stages as they are, what is chosen among them, and what ran before. */
export const deliveryPage: Page = (argument) => {
  const { name, review } = parseArgument(argument);
  const read = deliveryReader(name);
  const keep = keeper();
  return async (given) => {
    const choices = { ...review, ...given };
    const delivery = await read(choices['execution']);
    const newest = delivery.executions[0];
    const panel = await panelOf(delivery, choices, keep);
    const beside = h('section', { class: 'card panel', 'data-key': 'panel' }, panel.content);
    const history = h(
      'section',
      { class: 'card', 'data-key': 'history' },
      h('h2', {}, 'Executions'),
      historyOf(delivery, choices['execution']),
    );
    return {
      title: [panel.title, name, newest?.status].filter(Boolean).join(' · '),
      content: [
        ...headOf(delivery, keep),
        card(deliveryBoard(delivery, choices)),
        // while nothing is chosen, what ran is what people come for
        panel.title === '' ? columns(history, beside) : columns(beside, history),
      ],
      live: true,
      chosen: panel.title || undefined,
    };
  };
};

const columns = (...sections: readonly HTMLElement[]): HTMLElement => h('div', { class: 'columns' }, sections);

/** What stands beside the history. */
export interface Panel {
  /** Empty for what is shown while nothing is chosen. */
  readonly title: string;
  readonly content: readonly Node[];
}

/** `PIPELINE`, or as messages about approvals give it: `PIPELINE/STAGE/ACTION/approve/ID` of that request. */
function parseArgument(argument: string): { readonly name: string; readonly review: Route['choices'] } {
  const [name = '', stage, action, approve, request] = argument.split('/');
  if (!stage || !action || approve !== 'approve' || !request) return { name, review: {} };
  return { name, review: { stage, action, request } };
}

async function panelOf(delivery: Delivery, choices: Route['choices'], keep: Keep): Promise<Panel> {
  const { stage, action, transition, execution } = choices;
  if (stage && action) return actionPanel(delivery, choices, keep);
  if (stage) return stagePanel(delivery, stage, keep);
  if (transition) return transitionPanel(delivery, transition, keep);
  if (execution) return executionPanel(delivery, execution, keep);
  return overviewPanel(delivery);
}

function headOf(delivery: Delivery, keep: Keep): HTMLElement[] {
  const { name, structure, state, executions } = delivery;
  const [newest] = executions;
  const running = executions.filter(({ status }) => isRunning(status));
  const facts = [`version ${structure.version}`, structure.pipelineType, structure.executionMode].filter(Boolean).join(' · ');
  const id = running.length === 1 ? running[0]?.pipelineExecutionId : undefined;
  const start = (): HTMLElement => startForm(delivery);
  return [
    h(
      'div',
      { class: 'head' },
      h(
        'div',
        {},
        h('h1', {}, h('a', { href: linkTo('delivery') }, 'Delivery'), ` / ${name} `, statusBadge(newest?.status, 'Never ran')),
        h('p', { class: 'sub' }, `${facts} · changed `, timeOf(state.updated)),
      ),
      h(
        'div',
        { class: 'head-deeds' },
        keep.element(`start ${structure.version}`, start),
        id ? keep.element(`stop ${id}`, () => folded(`Stop ${shortId(id)}…`, ...stopForm(name, id))) : undefined,
      ),
    ),
  ];
}

/** Variables can be given where the pipeline declares some. */
function startForm({ name, structure: { variables = [] } }: Delivery): HTMLElement {
  const fields = variables.map(({ name: variable, defaultValue, description }) => ({
    name: variable,
    label: description ? `${variable}: ${description}` : variable,
    value: defaultValue ?? '',
    isRequired: defaultValue === undefined,
  }));
  const form = deedForm(fields, [
    {
      label: 'Release change',
      async act(values) {
        const given = Object.entries(values).map(([variable, value]) => ({ name: variable, value }));
        const input = { name, ...(given.length > 0 && { variables: given }) };
        const { pipelineExecutionId } = await call('codepipeline:StartPipelineExecution', input);
        return `Started ${shortId(pipelineExecutionId)}.`;
      },
    },
  ]);
  return fields.length === 0 ? form : folded('Release change…', form);
}

/** Of one execution; waits for the actions that run, or leaves them. */
export function stopForm(pipelineName: string, pipelineExecutionId: string): HTMLElement[] {
  const stop = async (abandon: boolean, reason: string): Promise<string> => {
    const input = { pipelineName, pipelineExecutionId, abandon, ...(reason && { reason }) };
    await call('codepipeline:StopPipelineExecution', input);
    return 'Stopping.';
  };
  return [
    deedForm(
      [{ name: 'reason', label: 'Reason', lengthMax: 200 }],
      [
        { label: 'Stop and wait', look: 'bad', act: ({ reason = '' }) => stop(false, reason) },
        { label: 'Stop and abandon', look: 'bad', act: ({ reason = '' }) => stop(true, reason) },
      ],
    ),
    h('p', { class: 'sub' }, 'To wait lets actions that run end first; to abandon leaves them as they are.'),
  ];
}
