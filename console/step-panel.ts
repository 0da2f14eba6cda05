import type { OutputOf } from '../src/contract/operations.ts';
import { call } from './api.ts';
import { durationOf, h, statusBadge, tableOf, timeOf } from './dom.ts';

export type StepSummary = NonNullable<OutputOf<'sagemaker:ListPipelineExecutionSteps'>['PipelineExecutionSteps']>[number];

type JobKind = 'TrainingJob' | 'ProcessingJob';
interface JobRef { readonly kind: JobKind; readonly name: string }
type Described = Record<string, unknown>;

const TABS = ['Input', 'Output', 'Log', 'Info'] as const;
type Tab = (typeof TABS)[number];
const LOG_LINES_MAX = 2000;

/** The panel beside the graph: one step, four tabs. A new one is made for each step that is clicked. */
export function stepPanel(root: HTMLElement, signal: AbortSignal) {
  let step: StepSummary | undefined;
  let tab: Tab = 'Output';
  let job: Described | undefined;
  let logToken: string | undefined;
  let logStream: string | undefined;
  const head = h('div');
  const body = h('div');
  const log = h('pre', {}, '');
  const tabs = h('div', { class: 'tabs', role: 'tablist' });

  const draw = async () => {
    head.replaceChildren(h('h1', {}, `${stepName} `, statusBadge(step?.StepStatus)),
      h('p', { class: 'sub' }, stepType, ' · ', durationOf(step?.StartTime, step?.EndTime)));
    if (step?.FailureReason) head.append(h('p', { class: 'reason' }, step.FailureReason));
    tabs.replaceChildren(...TABS.map((name) => h('button', {
      role: 'tab', 'aria-selected': String(name === tab), click: () => { tab = name; void draw(); } }, name)));
    if (tab === 'Log') {
      body.replaceChildren(log);
      await readLog();
    } else body.replaceChildren(contentOf(tab, step, job));
  };

  const readLog = async () => {
    const ref = jobOf(step);
    if (!ref) { log.textContent = 'This step runs no job, so it has no log.'; return; }
    const logGroupName = `/aws/sagemaker/${ref.kind}s`;
    logStream ??= (await call('logs:DescribeLogStreams', { logGroupName, logStreamNamePrefix: `${ref.name}/` })
      .catch(() => ({ logStreams: [] }))).logStreams?.[0]?.logStreamName;
    if (!logStream) { log.textContent = 'Nothing logged yet.'; return; }
    for (let pages = 0; pages < 20 && !signal.aborted; pages++) {
      const page = await call('logs:GetLogEvents', {
        logGroupName, logStreamName: logStream, startFromHead: true, nextToken: logToken });
      if (page.nextForwardToken === logToken) break;
      if (!logToken) log.textContent = '';
      logToken = page.nextForwardToken;
      const lines = `${log.textContent}${(page.events ?? []).map((event) => `${event.message}\n`).join('')}`.split('\n');
      log.textContent = lines.slice(-LOG_LINES_MAX).join('\n');
      log.scrollTop = log.scrollHeight;
    }
  };

  let stepName = '';
  let stepType = '';
  return {
    async show(type: string, name: string, summary: StepSummary | undefined): Promise<void> {
      stepName = name;
      stepType = type;
      root.replaceChildren(head, tabs, body);
      await this.update(summary, true);
    },
    /** Redraws when the step moved on; the log goes on growing while it is shown. */
    async update(summary: StepSummary | undefined, force = false): Promise<void> {
      const changed = force || summary?.StepStatus !== step?.StepStatus || JSON.stringify(summary) !== JSON.stringify(step);
      step = summary;
      const ref = jobOf(step);
      if (changed && ref) job = await describe(ref);
      if (changed) await draw();
      else if (tab === 'Log') await readLog();
    },
  };
}

function jobOf(step: StepSummary | undefined): JobRef | undefined {
  for (const kind of ['TrainingJob', 'ProcessingJob'] as const) {
    const arn = step?.Metadata?.[kind]?.Arn;
    if (arn) return { kind, name: arn.split('/').at(-1) ?? '' };
  }
  return undefined;
}

async function describe({ kind, name }: JobRef): Promise<Described> {
  return kind === 'TrainingJob'
    ? (await call('sagemaker:DescribeTrainingJob', { TrainingJobName: name })) as unknown as Described
    : (await call('sagemaker:DescribeProcessingJob', { ProcessingJobName: name })) as unknown as Described;
}

const INPUTS = ['AlgorithmSpecification', 'AppSpecification', 'HyperParameters', 'Environment', 'InputDataConfig', 'ProcessingInputs',
  'ResourceConfig', 'ProcessingResources', 'StoppingCondition', 'RoleArn'];
const OUTPUTS = ['FinalMetricDataList', 'ModelArtifacts', 'ProcessingOutputConfig', 'OutputDataConfig', 'ExitMessage', 'FailureReason'];

function contentOf(tab: Tab, step: StepSummary | undefined, job: Described | undefined): HTMLElement {
  if (!step) return h('p', { class: 'empty' }, 'This step has not started.');
  if (tab === 'Info') return infoOf(step, job);
  if (!job) return h('pre', { class: 'plain' }, JSON.stringify(step.Metadata ?? {}, null, 2));
  const members = tab === 'Input' ? INPUTS : OUTPUTS;
  const box = h('div');
  for (const member of members) {
    const value = job[member];
    if (value === undefined || value === null) continue;
    box.append(h('h2', {}, member), member === 'FinalMetricDataList' ? metricsOf(value) : plain(value));
  }
  return box.childElementCount > 0 ? box : h('p', { class: 'empty' }, 'Nothing yet.');
}

const plain = (value: unknown): HTMLElement =>
  h('pre', { class: 'plain' }, typeof value === 'string' ? value : JSON.stringify(value, null, 2));

function metricsOf(value: unknown): HTMLElement {
  const metrics = value as { MetricName?: string; Value?: number; Timestamp?: number }[];
  if (metrics.length === 0) return h('p', { class: 'empty' }, 'No metric matched in the log.');
  return tableOf(['Metric', 'Value', 'At'], metrics.map((metric) =>
    [metric.MetricName ?? '', String(metric.Value ?? ''), timeOf(metric.Timestamp)]));
}

function infoOf(step: StepSummary, job: Described | undefined): HTMLElement {
  const list = h('dl', {}, h('dt', {}, 'Started'), h('dd', {}, timeOf(step.StartTime)), h('dt', {}, 'Ended'), h('dd', {}, timeOf(step.EndTime)));
  const arn = job?.TrainingJobArn ?? job?.ProcessingJobArn;
  if (arn) list.append(h('dt', {}, 'Job'), h('dd', {}, h('code', {}, String(arn))));
  if (step.AttemptCount) list.append(h('dt', {}, 'Attempts'), h('dd', {}, String(step.AttemptCount)));
  const box = h('div', {}, list);
  const transitions = job?.SecondaryStatusTransitions as
    { Status?: string; StartTime?: number; EndTime?: number; StatusMessage?: string }[] | undefined;
  if (transitions) {
    box.append(h('h2', {}, 'Transitions'), tableOf(['Status', 'From', 'Took', 'Message'], transitions.map((at) => [
      at.Status ?? '', timeOf(at.StartTime), durationOf(at.StartTime, at.EndTime), at.StatusMessage ?? ''])));
  }
  return box;
}
