/**
 * The pipeline definition language, version 2020-12-01, as TypeScript types: these types describe the JSON itself, with its own key
 * names, so a definition is its own syntax tree and nothing is translated back and forth.
 */

export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

export const DEFINITION_VERSION = '2020-12-01';

export const PARAMETER_TYPES = ['String', 'Integer', 'Float', 'Boolean'] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

export interface ParameterDefinition {
  Name: string;
  Type: ParameterType;
  DefaultValue?: string | number | boolean | null;
  EnumValues?: (string | number | boolean)[] | null;
}

/** `{"Get": "Parameters.N" | "Execution.V" | "Steps.S.<path>"}` */
export type GetExpression = { Get: string };
export type JoinExpression = { 'Std:Join': { On: string; Values: Json[] } };
/** Reads one value out of a JSON file: a declared property file, or an object given by its S3 URI. */
export type JsonGetExpression = {
  'Std:JsonGet': { PropertyFile: GetExpression; Path: string } | { S3Uri: Json; Path: string };
};
export type Expression = GetExpression | JoinExpression | JsonGetExpression;

export const COMPARISON_TYPES = ['Equals', 'GreaterThan', 'GreaterThanOrEqualTo', 'LessThan', 'LessThanOrEqualTo'] as const;
export type ComparisonType = (typeof COMPARISON_TYPES)[number];

export type Condition =
  | { Type: ComparisonType; LeftValue: Json; RightValue: Json }
  | { Type: 'In'; QueryValue: Json; Values: Json[] }
  // The Python SDK wrote Expression instead of Condition up to the middle of its 2.x line; both are read.
  | { Type: 'Not'; Condition: Condition; Expression?: undefined }
  | { Type: 'Not'; Condition?: undefined; Expression: Condition }
  | { Type: 'Or'; Conditions: Condition[] };

export interface CacheConfig {
  Enabled: boolean;
  /** A duration: ISO 8601 (`P30D`, `PT1H`) or the shorthand AWS also takes (`30d`, `T16m`). */
  ExpireAfter?: string | null;
}

export const RETRY_EXCEPTIONS = [
  'Step.SERVICE_FAULT',
  'Step.THROTTLING',
  'SageMaker.JOB_INTERNAL_ERROR',
  'SageMaker.CAPACITY_ERROR',
  'SageMaker.RESOURCE_LIMIT',
] as const;
export type RetryException = (typeof RETRY_EXCEPTIONS)[number];

export interface RetryPolicy {
  ExceptionType: RetryException[];
  BackoffRate?: number | null;
  IntervalSeconds?: number | null;
  MaxAttempts?: number | null;
  ExpireAfterMin?: number | null;
}

export interface PropertyFile {
  PropertyFileName: string;
  OutputName: string;
  FilePath: string;
}

/** What a Lambda or Callback step must answer: a value of this type under this name. */
export interface OutputParameterDefinition {
  OutputName: string;
  OutputType: ParameterType;
}

export const DEPENDENCY_TRIGGERS = ['Completed', 'Failed', 'Stopped', 'Any'] as const;
export type DependencyTrigger = (typeof DEPENDENCY_TRIGGERS)[number];
export type Dependency = string | { Step: string; Trigger?: DependencyTrigger | null };

/** Every step type the SDKs emit (2.x, and those of 3.x after `Lineage`). */
export const STEP_TYPES = [
  'Processing',
  'Training',
  'Condition',
  'RegisterModel',
  'Model',
  'Fail',
  'Tuning',
  'Transform',
  'Lambda',
  'Callback',
  'QualityCheck',
  'ClarifyCheck',
  'EMR',
  'AutoML',
  'EndpointConfig',
  'Endpoint',
  'InferenceComponent',
  'Lineage',
  'ForEach',
  'Cleanup',
  'EMRServerless',
  'Job',
] as const;
export type StepType = (typeof STEP_TYPES)[number];

interface StepCommon {
  Name: string;
  DependsOn?: Dependency[] | null;
  DisplayName?: string | null;
  Description?: string | null;
}

export interface ConditionArguments {
  Conditions: Condition[];
  IfSteps?: Step[] | null;
  ElseSteps?: Step[] | null;
}

export interface ConditionStep extends StepCommon {
  Type: 'Condition';
  Arguments: ConditionArguments;
}

export interface WorkStep extends StepCommon {
  Type: Exclude<StepType, 'Condition'>;
  Arguments: JsonObject;
  CacheConfig?: CacheConfig | null;
  RetryPolicies?: RetryPolicy[] | null;
  PropertyFiles?: PropertyFile[] | null;
  /** Of Lambda and Callback steps. */
  OutputParameters?: OutputParameterDefinition[] | null;
  /** Of Lambda steps. */
  FunctionArn?: Json;
  /** Of Callback steps. */
  SqsQueueUrl?: Json;
}

export type Step = ConditionStep | WorkStep;

export interface PipelineDefinition {
  Version: typeof DEFINITION_VERSION;
  Metadata?: JsonObject | null;
  Parameters?: ParameterDefinition[] | null;
  PipelineExperimentConfig?: { ExperimentName?: Json; TrialName?: Json } | null;
  MlflowConfig?: JsonObject | null;
  Steps: Step[];
}

export const FOR_EACH_PICKS = ['MaxBy', 'MinBy'] as const;
export type ForEachPick = (typeof FOR_EACH_PICKS)[number];

/** What a ForEach step tells of itself, beside `IterationOutputs` and `Selected`. */
export const FOR_EACH_MEMBERS = [
  'Status',
  'InputItemCount',
  'TotalStepCount',
  'SucceededStepCount',
  'FailedStepCount',
  'StoppedStepCount',
] as const;

export const EXECUTION_VARIABLES = [
  'StartDateTime',
  'CurrentDateTime',
  'PipelineName',
  'PipelineArn',
  'PipelineExecutionId',
  'PipelineExecutionArn',
  'TrainingJobName',
  'ProcessingJobName',
] as const;
export type ExecutionVariable = (typeof EXECUTION_VARIABLES)[number];

/** Keys of a step of any type. */
export const COMMON_STEP_KEYS = ['Name', 'Type', 'Arguments', 'DependsOn', 'DisplayName', 'Description'] as const;

const CHECK_KEYS = [
  'CheckType',
  'SkipCheck',
  'FailOnViolation',
  'RegisterNewBaseline',
  'ModelPackageGroupName',
  'ModelName',
  'SuppliedBaselineStatistics',
  'SuppliedBaselineConstraints',
] as const;

/** What a step of each type may carry beside the common keys. A type that is absent here carries nothing more. */
export const EXTRA_STEP_KEYS: { readonly [T in StepType]?: readonly string[] } = {
  Processing: ['CacheConfig', 'RetryPolicies', 'PropertyFiles'],
  Training: ['CacheConfig', 'RetryPolicies'],
  RegisterModel: ['CacheConfig', 'RetryPolicies'],
  Model: ['CacheConfig', 'RetryPolicies'],
  Tuning: ['CacheConfig', 'RetryPolicies'],
  Transform: ['CacheConfig', 'RetryPolicies'],
  AutoML: ['CacheConfig', 'RetryPolicies'],
  Lambda: ['CacheConfig', 'FunctionArn', 'OutputParameters'],
  Callback: ['CacheConfig', 'SqsQueueUrl', 'OutputParameters'],
  QualityCheck: ['CacheConfig', 'RetryPolicies', ...CHECK_KEYS],
  ClarifyCheck: ['CacheConfig', 'RetryPolicies', ...CHECK_KEYS],
  EMR: ['CacheConfig', 'RetryPolicies', 'ClusterId', 'ClusterConfig', 'StepConfig', 'ExecutionRoleArn'],
  EMRServerless: ['CacheConfig', 'RetryPolicies'],
  EndpointConfig: ['CacheConfig', 'RetryPolicies'],
  Endpoint: ['CacheConfig', 'RetryPolicies'],
  InferenceComponent: ['CacheConfig', 'RetryPolicies'],
  Job: ['CacheConfig', 'RetryPolicies'],
};

/** Which of these a step must have, beside its name, type and arguments. */
export const REQUIRED_STEP_KEYS: { readonly [T in StepType]?: readonly string[] } = {
  Lambda: ['FunctionArn'],
  Callback: ['SqsQueueUrl'],
};

/** The step types this version executes; the others parse, and are refused when a pipeline is created or updated. */
export const EXECUTED_STEP_TYPES: ReadonlySet<StepType> = new Set<StepType>([
  'Processing',
  'Training',
  'Condition',
  'RegisterModel',
  'Model',
  'Fail',
  'Transform',
  'EndpointConfig',
  'Endpoint',
  'Lambda',
  'Callback',
  'ForEach',
  'Cleanup',
]);

/** The output shape of the SageMaker API that a step's properties are paths into; steps of other types offer other things. */
export const DESCRIBE_SHAPES: { readonly [T in StepType]?: string } = {
  Processing: 'DescribeProcessingJobResponse',
  Training: 'DescribeTrainingJobResponse',
  RegisterModel: 'DescribeModelPackageOutput',
  Model: 'DescribeModelOutput',
  Transform: 'DescribeTransformJobResponse',
  EndpointConfig: 'DescribeEndpointConfigOutput',
  Endpoint: 'DescribeEndpointOutput',
};

/** The input shape that a step's arguments are, and the members a step's arguments do without: the service gives them. */
export const CREATE_SHAPES: { readonly [T in StepType]?: { readonly shape: string; readonly given: readonly string[] } } = {
  Processing: { shape: 'CreateProcessingJobRequest', given: ['ProcessingJobName'] },
  Training: { shape: 'CreateTrainingJobRequest', given: ['TrainingJobName'] },
  RegisterModel: { shape: 'CreateModelPackageInput', given: [] },
  Model: { shape: 'CreateModelInput', given: ['ModelName'] },
  Transform: { shape: 'CreateTransformJobRequest', given: ['TransformJobName'] },
  EndpointConfig: { shape: 'CreateEndpointConfigInput', given: ['EndpointConfigName'] },
  Endpoint: { shape: 'CreateEndpointInput', given: [] },
};

/** Limits of the AWS API model (ParameterList, StepName, StepDisplayName, StepDescription) and of the retry documentation. */
export const LIMITS = {
  parameters: 200,
  parameterName: 256,
  parameterValue: 1024,
  stepName: 64,
  stepDisplayName: 256,
  stepDescription: 3072,
  retryIntervalSeconds: 43_200,
  retryAttempts: 20,
  retryExpireAfterMin: 14_400,
  /** Of the SDK's ForEachStep: items written out, and children at the same time. */
  forEachItems: 100,
  forEachConcurrency: 50,
  /** Ours: deeper JSON would exhaust the stack of a recursive reader long before any real definition gets there. */
  nesting: 200,
  /** Ours: what a server holds in memory, several times over. */
  steps: 100_000,
  values: 4_000_000,
} as const;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
