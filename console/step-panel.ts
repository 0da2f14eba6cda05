import type { OutputOf } from '../src/contract/operations.ts';
import { ApiError, call } from './api.ts';
import type { GraphNode } from './definition-graph.ts';
import { h } from './dom.ts';
import { durationText, lastPart } from './format.ts';
import { jobLog, type JobKind, type JobRef } from './job-log.ts';
import { statusBadge } from './parts.ts';
import { executionLink, type Route } from './route.ts';
import { infoOf, inputOf, outputOf } from './step-values.ts';

export type StepSummary = NonNullable<OutputOf<'sagemaker:ListPipelineExecutionSteps'>['PipelineExecutionSteps']>[number];
/** Describe document of the step's job. */
export type Job = Readonly<Record<string, unknown>>;

/** The panel beside the graph: one step, four tabs. */
export type StepPanel = (step: StepSummary | undefined, choices: Route['choices'], running: boolean) => Promise<Node[]>;

const TABS = ['Input', 'Output', 'Log', 'Info'] as const;
type Tab = (typeof TABS)[number];
const tabOf = ({ tab }: Route['choices']): Tab => TABS.find((name) => name === tab) ?? 'Output';

/** A step's panel keeps what it has read of its job and log. */
export function stepPanel(executionArn: string, node: GraphNode): StepPanel {
  let job: Job | undefined;
  let isFinal = false;
  let log: ReturnType<typeof jobLog> | undefined;
  const logCommand = `npx slipway logs ${lastPart(executionArn)} ${node.name}`;

  return async (step, choices, running) => {
    const ref = jobOf(step);
    const tab = tabOf(choices);
    if (ref && !isFinal) {
      job = await describe(ref);
      isFinal = step?.EndTime !== undefined;
    }
    const content = await contentOf();
    return [
      ...headOf(node, step, waitingReason(step, job), running),
      tabsOf(),
      h('div', { class: 'tab', 'data-key': tab }, content),
    ];

    async function contentOf(): Promise<readonly Node[]> {
      if (tab === 'Input') return inputOf(node, job);
      if (tab === 'Info') return infoOf(node, step, job);
      if (tab === 'Output') return outputOf(node, step, job);
      if (!ref)
        return [
          h('p', { class: 'empty' }, step ? 'No job ran for this step, so there is no log.' : 'This step has not started.'),
        ];
      log ??= jobLog(ref, logCommand);
      return log.read();
    }

    function tabsOf(): HTMLElement {
      const links = TABS.map((name) =>
        h(
          'a',
          { href: executionLink(executionArn, { step: node.name, tab: name }), 'aria-current': name === tab ? 'true' : 'false' },
          name,
        ),
      );
      return h('nav', { class: 'tabs', 'aria-label': node.name }, links, closeLink(executionArn));
    }
  };
}

const closeLink = (arn: string): HTMLElement =>
  h('a', { class: 'close', href: executionLink(arn), title: 'Back to all steps', 'aria-label': 'Back to all steps' }, '×');

function headOf(
  { name, type, step: { DisplayName, Description } }: GraphNode,
  step: StepSummary | undefined,
  waiting: string,
  running: boolean,
): Node[] {
  const took = durationText(step?.StartTime, step?.EndTime);
  const facts = [type, DisplayName, Description, took, waiting && !step?.EndTime ? waiting : ''].filter(Boolean);
  return [
    h('h2', { class: 'title' }, `${name} `, statusBadge(step?.StepStatus, running ? 'Not started' : 'Not run')),
    h('p', { class: 'sub' }, facts.join(' · ')),
    ...sourceOf(step),
    ...(step?.FailureReason ? [h('p', { class: 'reason' }, step.FailureReason)] : []),
  ];
}

/** Whose result the step took instead of being run. */
function sourceOf(step: StepSummary | undefined): Node[] {
  const cached = step?.CacheHitResult?.SourcePipelineExecutionArn;
  const source = cached ?? step?.SelectiveExecutionResult?.SourcePipelineExecutionArn;
  if (source === undefined) return [];
  const how = cached ? ', taken from the step cache' : ', on which this selective execution builds';
  return [h('p', { class: 'sub' }, 'The result of ', h('a', { href: executionLink(source) }, lastPart(source)), how)];
}

function jobOf(step: StepSummary | undefined): JobRef | undefined {
  for (const kind of ['TrainingJob', 'ProcessingJob', 'TransformJob'] as const satisfies readonly JobKind[]) {
    const arn = step?.Metadata?.[kind]?.Arn;
    if (arn) return { kind, name: lastPart(arn) };
  }
  return undefined;
}

/** Why a job has not started yet, in the server's words. */
function waitingReason(step: StepSummary | undefined, job: Job | undefined): string {
  if (!job || step?.EndTime || job['TrainingStartTime'] || job['ProcessingStartTime']) return '';
  const transitions = job['SecondaryStatusTransitions'] as { StatusMessage?: string }[] | undefined;
  return String(transitions?.at(-1)?.StatusMessage ?? job['ExitMessage'] ?? '');
}

const DESCRIBE: Readonly<Record<JobKind, (name: string) => Promise<unknown>>> = {
  TrainingJob: (TrainingJobName) => call('sagemaker:DescribeTrainingJob', { TrainingJobName }),
  ProcessingJob: (ProcessingJobName) => call('sagemaker:DescribeProcessingJob', { ProcessingJobName }),
  TransformJob: (TransformJobName) => call('sagemaker:DescribeTransformJob', { TransformJobName }),
};

/** Undefined when the job was deleted since; the step still says what it knows. */
async function describe({ kind, name }: JobRef): Promise<Job | undefined> {
  try {
    return (await DESCRIBE[kind](name)) as unknown as Job;
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return undefined;
    throw error;
  }
}
