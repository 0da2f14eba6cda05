import { call } from './api.ts';
import type { Page } from './app.ts';
import { graphOf } from './definition-graph.ts';
import { durationOf, h, statusBadge, tableOf, timeOf } from './dom.ts';
import { graphView } from './graph-view.ts';
import { refresh } from './refresh.ts';
import { stepPanel, type StepSummary } from './step-panel.ts';

const EXECUTIONS_PER_PIPELINE = 20;

export const executionsPage: Page = async (root, _argument, signal) => {
  root.append(h('h1', {}, 'Executions'), h('p', { class: 'sub' }, 'Newest executions of every pipeline.'));
  const card = h('div', { class: 'card' });
  root.append(card);
  await refresh(signal, async () => {
    const { PipelineSummaries = [] } = await call('sagemaker:ListPipelines', { MaxResults: 100 });
    const lists = await Promise.all(PipelineSummaries.map(async ({ PipelineName = '' }) => {
      const page = await call('sagemaker:ListPipelineExecutions', {
        PipelineName, SortBy: 'CreationTime', SortOrder: 'Descending', MaxResults: EXECUTIONS_PER_PIPELINE });
      return (page.PipelineExecutionSummaries ?? []).map((execution) => ({ ...execution, PipelineName }));
    }));
    const all = lists.flat().sort((a, b) => (b.StartTime ?? 0) - (a.StartTime ?? 0));
    card.replaceChildren(all.length === 0
      ? h('p', { class: 'empty' }, 'No execution yet. Start one: npx slipway run FILE')
      : tableOf(['Execution', 'Pipeline', 'Status', 'Started', 'Name'], all.map((execution) => {
        const arn = execution.PipelineExecutionArn ?? '';
        return [h('a', { href: `#/execution/${encodeURIComponent(arn)}` }, arn.split('/').at(-1) ?? arn), execution.PipelineName,
          statusBadge(execution.PipelineExecutionStatus), timeOf(execution.StartTime), execution.PipelineExecutionDisplayName ?? ''];
      })));
    return true;
  });
};

export const executionPage: Page = async (root, arn, signal) => {
  const definition = await call('sagemaker:DescribePipelineDefinitionForExecution', { PipelineExecutionArn: arn });
  const nodes = graphOf(definition.PipelineDefinition ?? '{}');
  const heading = h('div');
  const panel = h('div', { class: 'card' }, h('p', { class: 'empty' }, 'Click a step to see its inputs, outputs, metrics and log.'));
  let selected: string | undefined;
  let steps = new Map<string, StepSummary>();
  let shown = stepPanel(panel, signal);
  const graph = graphView(nodes, (name) => {
    selected = name;
    graph.colour((step) => steps.get(step)?.StepStatus, selected);
    shown = stepPanel(panel, signal);
    void shown.show(nodes.find((node) => node.name === name)?.type ?? '', name, steps.get(name));
  });
  root.append(heading, h('div', { class: 'columns' }, h('div', { class: 'card graph' }, graph.element), panel));
  await refresh(signal, async () => {
    const execution = await call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn: arn });
    steps = new Map((await allSteps(arn)).map((step) => [step.StepName ?? '', step]));
    const status = execution.PipelineExecutionStatus;
    const running = status === 'Executing' || status === 'Stopping';
    heading.replaceChildren(
      h('h1', {}, `${arn.split('/')[1] ?? ''} `, statusBadge(status)),
      h('p', { class: 'sub' }, arn, ' · started ', timeOf(execution.CreationTime), ' · ',
        durationOf(execution.CreationTime, running ? undefined : execution.LastModifiedTime)));
    if (execution.FailureReason) heading.append(h('p', { class: 'reason' }, execution.FailureReason));
    graph.colour((step) => steps.get(step)?.StepStatus, selected);
    if (selected) await shown.update(steps.get(selected));
    return running;
  });
};

async function allSteps(arn: string): Promise<StepSummary[]> {
  const found: StepSummary[] = [];
  let nextToken: string | undefined;
  do {
    const page = await call('sagemaker:ListPipelineExecutionSteps', {
      PipelineExecutionArn: arn, MaxResults: 100, NextToken: nextToken });
    found.push(...(page.PipelineExecutionSteps ?? []));
    nextToken = page.NextToken;
  } while (nextToken);
  return found;
}
