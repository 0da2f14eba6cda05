import { isRefusal, objectText } from './api.ts';
import type { DefinitionStep, GraphNode } from './definition-graph.ts';
import { h } from './dom.ts';
import { conditionText, plainOf } from './expression-text.ts';
import { durationText, packageName } from './format.ts';
import { copyable, empty, listOf, statusBadge, tableOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';
import type { Job, StepSummary } from './step-panel.ts';
import { leavesOf, valueView } from './value-view.ts';

/** What the tabs of a step hold. */

const INPUTS = [
  'HyperParameters',
  'InputDataConfig',
  'ProcessingInputs',
  'ModelName',
  'TransformInput',
  'DataProcessing',
  'BatchStrategy',
  'MaxPayloadInMB',
  'MaxConcurrentTransforms',
  'AppSpecification',
  'AlgorithmSpecification',
  'Environment',
  'ResourceConfig',
  'ProcessingResources',
  'TransformResources',
  'StoppingCondition',
  'RoleArn',
];
const OUTPUTS = [
  'ModelArtifacts',
  'ProcessingOutputConfig',
  'TransformOutput',
  'OutputDataConfig',
  'CheckpointConfig',
  'DataCaptureConfig',
  'ExitMessage',
];

const section = (title: string, content: Node): HTMLElement[] => [h('h3', { class: 'section' }, title), content as HTMLElement];

/** As resolved for the job; before it starts, and for steps without a job, as the definition says. */
export function inputOf({ step: { Type, Arguments } }: GraphNode, job: Job | undefined): Node[] {
  if (Type === 'Condition') return conditionInput(Arguments);
  const values = job ?? (plainOf(Arguments ?? {}) as Job);
  const members = job ? INPUTS : Object.keys(values);
  const sections = members.flatMap((member) =>
    leavesOf(values[member]).length > 0 ? section(member, valueView(values[member])) : [],
  );
  if (!job && sections.length > 0)
    sections.unshift(h('p', { class: 'sub' }, 'As the definition says it; references are not resolved.'));
  return sections.length > 0 ? sections : [empty('This step takes nothing.')];
}

function conditionInput(args: DefinitionStep['Arguments']): Node[] {
  const names = (steps: readonly DefinitionStep[] | undefined): string => steps?.map(({ Name }) => Name).join(', ') || 'nothing';
  const conditions = (args?.Conditions ?? []).map((condition) => h('li', {}, h('code', {}, conditionText(condition))));
  return [
    ...section(
      conditions.length > 1 ? 'All of these have to hold' : 'This has to hold',
      h('ul', { class: 'conditions' }, conditions),
    ),
    ...section(
      'What follows',
      listOf([
        ['True', names(args?.IfSteps)],
        ['False', names(args?.ElseSteps)],
      ]),
    ),
  ];
}

export async function outputOf(node: GraphNode, step: StepSummary | undefined, job: Job | undefined): Promise<Node[]> {
  if (!step) return [empty('This step has not started.')];
  const content = job ? await jobOutput(node.step, step, job) : metadataOf(step);
  if (content.length > 0) return content;
  return [empty(step.EndTime ? 'This step has no outputs.' : 'Nothing yet: the step still runs. Its log shows what it does.')];
}

/** Ends of steps that run no job. */
function metadataOf({ Metadata = {}, FailureReason }: StepSummary): Node[] {
  const { Condition, RegisterModel, Model, Fail, ...others } = Metadata;
  const version = RegisterModel?.Arn;
  return [
    ...(Condition?.Outcome ? section('Outcome', h('p', {}, statusBadge(Condition.Outcome))) : []),
    ...(version
      ? section('Registered version', h('p', {}, h('a', { href: linkTo('models', version) }, packageName(version))))
      : []),
    ...(version ? [h('p', {}, copyable(version))] : []),
    ...(Model?.Arn ? section('Model', h('p', {}, copyable(Model.Arn))) : []),
    ...(Fail?.ErrorMessage && Fail.ErrorMessage !== FailureReason
      ? section('ErrorMessage', h('p', { class: 'reason' }, Fail.ErrorMessage))
      : []),
    ...(leavesOf(others).length > 0 ? section('Metadata', valueView(others)) : []),
  ];
}

async function jobOutput(definition: DefinitionStep, step: StepSummary, job: Job): Promise<Node[]> {
  const metrics = job['FinalMetricDataList'] as { MetricName?: string; Value?: number; Timestamp?: number }[] | undefined;
  const rows = (metrics ?? []).map(({ MetricName = '', Value, Timestamp }) => ({
    key: MetricName,
    cells: [MetricName, h('span', { class: 'number' }, String(Value)), timeOf(Timestamp)],
  }));
  const asked = (job['AlgorithmSpecification'] as { MetricDefinitions?: unknown[] } | undefined)?.MetricDefinitions?.length ?? 0;
  const none = asked > 0 && step.EndTime ? [h('p', { class: 'sub' }, 'No line of the log matched a metric definition.')] : [];
  const reports = step.StepStatus === 'Succeeded' ? await reportsOf(definition, job) : [];
  const others = OUTPUTS.flatMap((member) => (leavesOf(job[member]).length > 0 ? section(member, valueView(job[member])) : []));
  return [...(rows.length > 0 ? section('Metrics', tableOf(['Metric', 'Last value', 'At'], rows)) : none), ...reports, ...others];
}

/** Property files: what the step reported, such as an evaluation's metrics. */
async function reportsOf({ PropertyFiles = [] }: DefinitionStep, job: Job): Promise<Node[]> {
  const { Outputs = [] } = (job['ProcessingOutputConfig'] ?? {}) as {
    Outputs?: { OutputName?: string; S3Output?: { S3Uri?: string } }[];
  };
  const sections = PropertyFiles.map(async ({ PropertyFileName, OutputName, FilePath }) => {
    const folder = Outputs.find((output) => output.OutputName === OutputName)?.S3Output?.S3Uri;
    return folder
      ? section(`${PropertyFileName} (${FilePath})`, await reportView(`${folder.replace(/\/$/, '')}/${FilePath}`))
      : [];
  });
  return (await Promise.all(sections)).flat();
}

const reports = new Map<string, HTMLElement>();

/** The values of a JSON report in S3. Read once: a step or version that has ended does not change it. */
export async function reportView(address: string): Promise<HTMLElement> {
  const known = reports.get(address) ?? (await readReport(address));
  reports.set(address, known);
  return known.cloneNode(true) as HTMLElement;
}

async function readReport(address: string): Promise<HTMLElement> {
  try {
    const text = await objectText(address);
    return h('div', {}, valueView(parsed(text)), h('p', { class: 'sub' }, copyable(address)));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return h('div', {}, h('p', { class: 'sub' }, `${error.code}: ${error.message}`), h('p', { class: 'sub' }, copyable(address)));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

interface Transition {
  readonly Status?: string;
  readonly StartTime?: number;
  readonly EndTime?: number;
  readonly StatusMessage?: string;
}

export function infoOf(node: GraphNode, step: StepSummary | undefined, job: Job | undefined): Node[] {
  const arn = job?.['TrainingJobArn'] ?? job?.['ProcessingJobArn'];
  const runtime = durationText(
    asTime(job, 'TrainingStartTime', 'ProcessingStartTime'),
    asTime(job, 'TrainingEndTime', 'ProcessingEndTime'),
  );
  const facts = listOf([
    ['Type', node.type],
    ['Started', timeOf(step?.StartTime)],
    ['Ended', timeOf(step?.EndTime)],
    ['Job ran', runtime],
    ['Billable', job?.['BillableTimeInSeconds'] === undefined ? undefined : `${String(job['BillableTimeInSeconds'])} s`],
    ['Attempts', step?.AttemptCount ? String(step.AttemptCount) : undefined],
    ['After', node.parents.map(({ name, label }) => (label ? `${name} = ${label}` : name)).join(', ')],
    ['Job', arn ? copyable(String(arn)) : undefined],
  ]);
  const transitions = (job?.['SecondaryStatusTransitions'] ?? []) as Transition[];
  if (transitions.length === 0) return [facts];
  const rows = transitions.map(({ Status = '', StartTime, EndTime, StatusMessage = '' }, at) => ({
    key: String(at),
    cells: [Status, timeOf(StartTime), durationText(StartTime, EndTime), StatusMessage],
  }));
  return [facts, ...section('Transitions', tableOf(['Status', 'From', 'Took', 'Message'], rows))];
}

function asTime(job: Job | undefined, ...members: readonly string[]): number | undefined {
  for (const member of members) if (typeof job?.[member] === 'number') return job[member];
  return undefined;
}
