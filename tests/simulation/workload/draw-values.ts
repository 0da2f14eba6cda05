import type { Json, JsonObject } from '../../../sdk/definition/index.ts';
import type { Random } from '../random.ts';
import type { Made } from './draft.ts';
import { type Answer, join, type Value } from './step-shapes.ts';

/** Properties of a step that are texts. */
function texts({ name, type, body, items, selects }: Made): string[] {
  const at = `Steps.${name}`;
  switch (type) {
    case 'Processing':
      return [`${at}.ProcessingJobName`, `${at}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri`, `${at}.RoleArn`];
    case 'Training':
      return [`${at}.TrainingJobName`, `${at}.ModelArtifacts.S3ModelArtifacts`, `${at}.InputDataConfig[0].ChannelName`];
    case 'Transform':
      return [`${at}.TransformJobName`, `${at}.ModelName`];
    case 'Model':
      return [`${at}.ModelName`, `${at}.ModelArn`];
    case 'RegisterModel':
      return [`${at}.ModelPackageArn`];
    case 'EndpointConfig':
      return [`${at}.EndpointConfigName`];
    case 'Endpoint':
      return [`${at}.EndpointName`];
    case 'Lambda':
    case 'Callback':
      return [`${at}.OutputParameters['word']`];
    case 'ForEach': {
      const inner = items ? (body ?? []).flatMap((one) => texts(one).slice(0, 1)) : [];
      const paths = inner.map((path) => `${at}.IterationOutputs[0].${path.slice('Steps.'.length)}`);
      return [`${at}.Status`, ...paths, ...(selects ? [`${at}.Selected.OutputParameters['word']`] : [])];
    }
    default:
      return [];
  }
}

/** Properties of a step that are numbers. */
function numbers({ name, type, selects }: Made): string[] {
  if (type === 'Lambda' || type === 'Callback') return [`Steps.${name}.OutputParameters['score']`];
  if (type === 'Training') return [`Steps.${name}.ResourceConfig.InstanceCount`];
  if (type !== 'ForEach') return [];
  const counts = ['InputItemCount', 'SucceededStepCount', 'FailedStepCount'].map((count) => `Steps.${name}.${count}`);
  return selects ? [...counts, `Steps.${name}.Selected.OutputParameters['score']`] : counts;
}

const PARAMETERS = ['Branch', 'Count', 'Share', 'Flag', 'Outcome'].map((name) => ({ Get: `Parameters.${name}` }));
const EXECUTION = ['PipelineName', 'PipelineExecutionId', 'PipelineExecutionArn', 'PipelineArn'].map((name) => ({
  Get: `Execution.${name}`,
}));

/** A text for an environment variable or hyperparameter. */
export function drawText(random: Random, visible: readonly Made[], hasItem: boolean): Value {
  const read = visible.flatMap(texts).map((Get) => ({ Get }));
  const counted = visible.flatMap(numbers).map((Get) => ({ Get }));
  const reports = visible
    .filter(({ type }) => type === 'Processing')
    .map(({ name }) => fromReport(random, name, 'metrics.score'));
  const joined = () => {
    const pool: Json[] = ['x', 1, true, ...PARAMETERS, ...EXECUTION, ...read, ...counted, ...reports];
    const parts = Array.from({ length: 1 + random.int(3) }, () => random.pick(pool));
    return join(random.pick(['-', '', '/']), ...parts, ...(hasItem ? [{ Get: 'ForEach.CurrentItem' }] : []));
  };
  const kind = random.next();
  if (kind < 0.2) return random.pick(['one', 'two']);
  if (kind < 0.35) return random.pick([{ Get: 'Parameters.Branch' }, { Get: 'Parameters.Outcome' }]);
  if (kind < 0.45) return random.pick(EXECUTION);
  if (kind < 0.6 && read.length > 0) return random.pick(read);
  return joined();
}

function fromReport(random: Random, step: string, path: string): JsonObject {
  const PropertyFile = { Get: `Steps.${step}.PropertyFiles.Report` };
  if (random.chance(0.8)) return { 'Std:JsonGet': { PropertyFile, Path: path } };
  const S3Uri = join('/', { Get: `Steps.${step}.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri` }, 'report.json');
  return { 'Std:JsonGet': { S3Uri, Path: path } };
}

/** What a Processing step leaves in its report; `part` is there only now and then. */
export function drawReport(random: Random): JsonObject {
  const metrics: JsonObject = { score: random.pick([0, 0.25, 0.75, 1]), list: [1, 2], 'odd key': 'v' };
  return { metrics, label: random.pick(['good', 'bad']), ...(random.chance(0.8) && { part: 3 }) };
}

/** Outputs of a Lambda or Callback step; now and then the answer lacks one or has another type. */
export function drawAnswer(random: Random): Answer {
  const outputs = [
    { OutputName: 'score', OutputType: 'Float' },
    { OutputName: 'word', OutputType: 'String' },
  ];
  const score = random.pick<Json>([0.1, 0.5, '0.9', 2]);
  const word = random.pick<Json>(['yes', 'no', 7, true]);
  const wrong = random.next();
  if (wrong < 0.03) return { outputs, returns: { score } };
  if (wrong < 0.06) return { outputs, returns: { score: 'high', word } };
  return { outputs, returns: { score, word } };
}

const NUMERIC = ['Equals', 'GreaterThan', 'GreaterThanOrEqualTo', 'LessThan', 'LessThanOrEqualTo'];

export function drawConditions(random: Random, visible: readonly Made[]): JsonObject[] {
  return Array.from({ length: random.chance(0.3) ? 2 : 1 }, () => drawCondition(random, visible, 0));
}

function drawCondition(random: Random, visible: readonly Made[], depth: number): JsonObject {
  const kind = random.next();
  if (depth < 2 && kind < 0.1) return { Type: 'Not', Condition: drawCondition(random, visible, depth + 1) };
  if (depth < 2 && kind < 0.2) {
    return { Type: 'Or', Conditions: [drawCondition(random, visible, depth + 1), drawCondition(random, visible, depth + 1)] };
  }
  if (kind < 0.3) return { Type: 'In', QueryValue: { Get: 'Parameters.Branch' }, Values: random.pick([['if', 'x'], ['else']]) };
  if (kind < 0.45) return { Type: 'Equals', LeftValue: { Get: 'Parameters.Branch' }, RightValue: 'if' };
  if (kind < 0.5) return { Type: 'Equals', LeftValue: { Get: 'Parameters.Flag' }, RightValue: random.chance(0.5) };
  const reports = visible.filter(({ type }) => type === 'Processing');
  if (kind < 0.7 && reports.length > 0) {
    const path = random.pick(['metrics.score', 'metrics.score', 'metrics.list[1]', "$.metrics['score']", 'part']);
    const LeftValue = fromReport(random, random.pick(reports).name, path);
    return { Type: random.pick(NUMERIC), LeftValue, RightValue: random.pick([0, 0.5, 2]) };
  }
  const read = visible.flatMap(numbers).map((Get) => ({ Get }));
  const sides = [{ Get: 'Parameters.Count' }, { Get: 'Parameters.Share' }, ...read, ...read];
  // a comparison of different types fails its step
  const RightValue = random.chance(0.05) ? 'text' : random.pick<Json>([0, 1, 2, { Get: 'Parameters.Count' }]);
  return { Type: random.pick(NUMERIC), LeftValue: random.pick(sides), RightValue };
}
