import type { OutputOf } from '../src/contract/operations.ts';
import { call, callAll } from './api.ts';
import type { Page } from './page.ts';
import { type GraphNode, graphOf, notTaken } from './definition-graph.ts';
import { h, placeOf } from './dom.ts';
import { durationText, lastPart } from './format.ts';
import { type GraphView, graphView } from './graph-view.ts';
import { card, copyable, empty, listOf, type Row, statusBadge, tableOf, timeOf } from './parts.ts';
import { executionLink, linkTo, type Route } from './route.ts';
import { type StepPanel, type StepSummary, stepPanel } from './step-panel.ts';

type Execution = OutputOf<'sagemaker:DescribePipelineExecution'>;
type Parameter = NonNullable<OutputOf<'sagemaker:ListPipelineParametersForExecution'>['PipelineParameters']>[number];

/** What of an execution never changes. */
interface Plan {
  readonly nodes: readonly GraphNode[];
  readonly graph: GraphView;
  readonly parameters: readonly Parameter[];
}

/** One execution: its graph, which takes on the colours of the statuses, and beside it the step that is chosen. */
export const executionPage: Page = (arn) => {
  let plan: Plan | undefined;
  const panels = new Map<string, StepPanel>();
  return async (choices) => {
    plan ??= await readPlan(arn);
    // the description first: when it says ended, the steps read after it are the final ones
    const execution = await call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn: arn });
    const steps = await readSteps(arn);
    const status = execution.PipelineExecutionStatus ?? '';
    const running = status === 'Executing' || status === 'Stopping';
    showGraph(plan, steps, running, arn, choices);
    const node = plan.nodes.find(({ name }) => name === choices['step']);
    const panel = node && (panels.get(node.name) ?? stepPanel(arn, node));
    if (node && panel) panels.set(node.name, panel);
    const beside = panel ? await panel(steps.get(node.name), choices, running) : overview(arn, plan, steps, choices);
    const columns = h(
      'div',
      { class: plan.graph.isWide ? 'columns stacked' : 'columns' },
      card(placeOf(plan.graph.element)),
      h('section', { class: 'card panel' }, beside),
    );
    return {
      title: `${node ? `${node.name} · ` : ''}${pipelineOf(arn)} ${lastPart(arn)} · ${status}`,
      content: [...headOf(arn, execution, running), parametersOf(plan.parameters), columns],
      live: running,
      chosen: node?.name,
    };
  };
};

const pipelineOf = (arn: string): string => arn.split('/')[1] ?? '';

async function readPlan(arn: string): Promise<Plan> {
  const { PipelineDefinition = '{}' } = await call('sagemaker:DescribePipelineDefinitionForExecution', {
    PipelineExecutionArn: arn,
  });
  const parameters = await callAll<Parameter>(async (NextToken) => {
    const page = await call('sagemaker:ListPipelineParametersForExecution', {
      PipelineExecutionArn: arn,
      MaxResults: 100,
      NextToken,
    });
    return [page.PipelineParameters, page.NextToken];
  });
  const nodes = graphOf(PipelineDefinition);
  return { nodes, graph: graphView(nodes), parameters };
}

async function readSteps(arn: string): Promise<Map<string, StepSummary>> {
  const steps = await callAll<StepSummary>(async (NextToken) => {
    const page = await call('sagemaker:ListPipelineExecutionSteps', { PipelineExecutionArn: arn, MaxResults: 100, NextToken });
    return [page.PipelineExecutionSteps, page.NextToken];
  });
  return new Map(steps.map((step) => [step.StepName ?? '', step]));
}

function showGraph(
  plan: Plan,
  steps: ReadonlyMap<string, StepSummary>,
  running: boolean,
  arn: string,
  choices: Route['choices'],
): void {
  const out = notTaken(plan.nodes, (name) => steps.get(name)?.Metadata?.Condition?.Outcome);
  plan.graph.update((name) => {
    const step = steps.get(name);
    return {
      status: step?.StepStatus,
      took: step ? wordOf(step) : '',
      isOut: !step && (!running || out.has(name)),
      isSelected: choices['step'] === name,
      href: executionLink(arn, { step: name, tab: choices['tab'] }),
    };
  });
}

/** What stands in a step's box beside its status. */
function wordOf(step: StepSummary): string {
  if (step.CacheHitResult) return 'cached';
  if (step.SelectiveExecutionResult) return 'taken over';
  const { Condition, ForEach } = step.Metadata ?? {};
  if (ForEach) return `${ForEach.SucceededStepCount ?? 0} of ${ForEach.TotalStepCount ?? 0}`;
  return Condition?.Outcome ?? durationText(step.StartTime, step.EndTime);
}

function headOf(arn: string, execution: Execution, running: boolean): HTMLElement[] {
  const { PipelineExecutionStatus: status, CreationTime, LastModifiedTime, FailureReason } = execution;
  const pipeline = pipelineOf(arn);
  const took = durationText(CreationTime, running ? undefined : LastModifiedTime);
  const about = [execution.PipelineExecutionDisplayName, execution.PipelineExecutionDescription].filter(Boolean).join(' – ');
  return [
    h('h1', {}, h('a', { href: linkTo('executions', '', { pipeline }) }, pipeline), ` / ${lastPart(arn)} `, statusBadge(status)),
    h(
      'p',
      { class: 'sub' },
      about ? `${about} · ` : '',
      'started ',
      timeOf(CreationTime),
      ` · ${running ? 'running for' : 'took'} ${took}`,
    ),
    h('p', { class: 'sub' }, copyable(arn)),
    ...(FailureReason ? [h('p', { class: 'reason' }, FailureReason)] : []),
  ];
}

const FEW = 12;

function parametersOf(parameters: readonly Parameter[]): HTMLElement {
  if (parameters.length === 0) return h('div', { class: 'parameters' });
  const list = listOf(parameters.map(({ Name, Value }) => [Name, Value === '' ? '(empty)' : Value]));
  const title = parameters.length === 1 ? '1 parameter' : `${parameters.length} parameters`;
  return h('details', { class: 'parameters', open: parameters.length <= FEW ? '' : undefined }, h('summary', {}, title), list);
}

/** All steps in a table, while none is chosen. */
function overview(
  arn: string,
  { nodes }: Plan,
  steps: ReadonlyMap<string, StepSummary>,
  { tab }: Route['choices'],
): HTMLElement[] {
  if (nodes.length === 0) return [empty('This pipeline has no steps.')];
  const rows = nodes.map(({ name }): Row => {
    const step = steps.get(name);
    const link = h('a', { href: executionLink(arn, { step: name, tab }) }, name);
    return {
      key: name,
      cells: [link, statusBadge(step?.StepStatus), timeOf(step?.StartTime), durationText(step?.StartTime, step?.EndTime)],
    };
  });
  return [
    h('h2', {}, 'Steps'),
    h('p', { class: 'sub' }, 'Choose one to see its inputs, outputs, metrics and log.'),
    tableOf(['Step', 'Status', 'Started', 'Took'], rows),
  ];
}
