import type { OutputOf } from '../src/contract/operations.ts';
import { call, callAll } from './api.ts';
import type { Page } from './page.ts';
import { h } from './dom.ts';
import { lastPart } from './format.ts';
import { card, command, empty, type Row, statusBadge, tableOf, timeOf } from './parts.ts';
import { executionLink, linkTo } from './route.ts';

type Pipeline = NonNullable<OutputOf<'sagemaker:ListPipelines'>['PipelineSummaries']>[number];
type Execution = NonNullable<OutputOf<'sagemaker:ListPipelineExecutions'>['PipelineExecutionSummaries']>[number];

const NEWEST_OF_EACH = 20;
const NEWEST_OF_ONE = 100;

/** Executions of all pipelines, or of the one that is chosen. */
export const executionsPage: Page = () => {
  const known = new Map<string, { readonly lastExecution: number | undefined; readonly executions: readonly Execution[] }>();

  /** A pipeline is asked again only when it has a new execution or one that still runs. */
  const executionsOf = async (
    { PipelineName = '', LastExecutionTime }: Pipeline,
    limit: number,
  ): Promise<readonly Execution[]> => {
    const before = known.get(PipelineName);
    const isSettled = before?.lastExecution === LastExecutionTime && !before?.executions.some(isRunning);
    if (before && isSettled) return before.executions;
    const page = await call('sagemaker:ListPipelineExecutions', {
      PipelineName,
      SortBy: 'CreationTime',
      SortOrder: 'Descending',
      MaxResults: limit,
    });
    const executions = page.PipelineExecutionSummaries ?? [];
    known.set(PipelineName, { lastExecution: LastExecutionTime, executions });
    return executions;
  };

  let shownFor: string | undefined;
  return async ({ pipeline }) => {
    if (shownFor !== pipeline) known.clear();
    shownFor = pipeline;
    const all = await callAll(async (NextToken) => {
      const page = await call('sagemaker:ListPipelines', { MaxResults: 100, NextToken });
      return [page.PipelineSummaries, page.NextToken];
    });
    const chosen = pipeline ? all.filter(({ PipelineName }) => PipelineName === pipeline) : all;
    const limit = pipeline ? NEWEST_OF_ONE : NEWEST_OF_EACH;
    const lists = await Promise.all(
      chosen.map(async (each) => (await executionsOf(each, limit)).map((execution) => rowOf(execution, each.PipelineName ?? ''))),
    );
    const rows = lists.flat().sort((a, b) => b.startedAt - a.startedAt);
    return {
      title: pipeline ?? 'Executions',
      content: [...headOf(pipeline), card(rows.length > 0 ? listOf(rows) : nothing())],
      live: true,
    };
  };
};

const isRunning = ({ PipelineExecutionStatus: status }: Execution): boolean => status === 'Executing' || status === 'Stopping';

const headOf = (pipeline: string | undefined): HTMLElement[] => [
  h('h1', {}, 'Executions', pipeline ? ` of ${pipeline}` : ''),
  pipeline
    ? h('p', { class: 'sub' }, `The newest ${NEWEST_OF_ONE}. `, h('a', { href: linkTo('executions') }, 'Those of all pipelines'))
    : h('p', { class: 'sub' }, `The newest ${NEWEST_OF_EACH} of every pipeline.`),
];

const listOf = (rows: readonly Row[]): HTMLElement => tableOf(['Execution', 'Pipeline', 'Status', 'Started', 'About'], rows);

const nothing = (): HTMLElement =>
  empty(
    h('p', {}, 'No execution yet. Start one from a definition or a TypeScript program:'),
    command('npx slipway run FILE --wait'),
  );

function rowOf(execution: Execution, pipeline: string): Row & { readonly startedAt: number } {
  const { PipelineExecutionArn: arn = '', PipelineExecutionStatus: status, StartTime } = execution;
  const about = h('div', {});
  for (const text of [execution.PipelineExecutionDisplayName, execution.PipelineExecutionDescription])
    if (text) about.append(h('div', {}, text));
  if (execution.PipelineExecutionFailureReason) {
    about.append(
      h(
        'div',
        { class: 'reason short', title: execution.PipelineExecutionFailureReason },
        execution.PipelineExecutionFailureReason,
      ),
    );
  }
  return {
    key: arn,
    startedAt: StartTime ?? 0,
    cells: [
      h('a', { href: executionLink(arn) }, lastPart(arn)),
      h('a', { href: linkTo('executions', '', { pipeline }) }, pipeline),
      statusBadge(status),
      timeOf(StartTime),
      about,
    ],
  };
}
