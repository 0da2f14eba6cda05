import { type RowChange, textOf } from './check.ts';

/**
 * What may become of what, by AWS's descriptions of the statuses (PipelineExecutionStatus, StepStatus, TrainingJobStatus and
 * its siblings, ModelPackageStatus, EndpointStatus, and the actions that lead from one to another). Written from these, not
 * from the code that decides: `absent` is a row that is not there.
 */
export interface StatusRules {
  /** Member of the document. */
  readonly member: string;
  /** Member of the document that holds the ARN. */
  readonly arn: string;
  /** From each status to those that may follow. */
  readonly next: { readonly [status: string]: readonly string[] };
  /** Nothing is to be done any more. */
  readonly settled: ReadonlySet<string>;
}

const JOB: StatusRules = {
  member: 'status',
  arn: 'arn',
  next: {
    absent: ['InProgress'],
    InProgress: ['Completed', 'Failed', 'Stopping', 'Stopped'],
    // what ends by itself while it is being stopped has ended so
    Stopping: ['Stopped', 'Completed', 'Failed'],
    Completed: ['absent'],
    Failed: ['absent'],
    Stopped: ['absent'],
  },
  settled: new Set(['Completed', 'Failed', 'Stopped']),
};

export const STATUSES: { readonly [kind: string]: StatusRules } = {
  PipelineExecution: {
    member: 'status',
    arn: 'arn',
    next: {
      absent: ['Executing'],
      Executing: ['Stopping', 'Succeeded', 'Failed', 'CompletedWithFailures'],
      // Failed: a function that is being waited for ran out of its time
      Stopping: ['Stopped', 'Failed'],
      Succeeded: ['absent'],
      // RetryPipelineExecution
      Failed: ['Executing', 'absent'],
      Stopped: ['Executing', 'absent'],
      CompletedWithFailures: ['absent'],
    },
    settled: new Set(['Succeeded', 'Failed', 'Stopped', 'CompletedWithFailures']),
  },
  PipelineExecutionStep: {
    member: 'status',
    arn: '',
    next: {
      // at once: a Condition, a Fail step, a result that was there, arguments that come to nothing
      absent: ['Starting', 'Executing', 'Succeeded', 'Failed'],
      Starting: ['Executing', 'Succeeded', 'Failed', 'Stopping', 'Stopped'],
      // Starting: its retry policy asks for another attempt
      Executing: ['Starting', 'Succeeded', 'Failed', 'Stopping', 'Stopped'],
      Stopping: ['Stopped', 'Succeeded', 'Failed'],
      Succeeded: ['absent'],
      // the execution was retried: see steps-stay-ended
      Failed: ['Starting', 'Executing', 'Succeeded', 'absent'],
      Stopped: ['Starting', 'Executing', 'Succeeded', 'Failed', 'absent'],
    },
    settled: new Set(['Succeeded', 'Failed', 'Stopped']),
  },
  CodePipelineExecution: {
    member: 'status',
    arn: 'pipelineArn',
    next: {
      absent: ['InProgress'],
      InProgress: ['Stopping', 'Succeeded', 'Failed', 'Superseded', 'absent'],
      Stopping: ['Stopped', 'absent'],
      Succeeded: ['absent'],
      Superseded: ['absent'],
      // RetryStageExecution
      Failed: ['InProgress', 'absent'],
      Stopped: ['InProgress', 'absent'],
    },
    settled: new Set(['Stopped', 'Succeeded', 'Failed', 'Superseded']),
  },
  TrainingJob: JOB,
  ProcessingJob: JOB,
  TransformJob: JOB,
  ModelPackage: {
    member: 'ModelPackageStatus',
    arn: 'ModelPackageArn',
    next: {
      absent: ['Pending', 'InProgress', 'Completed'],
      Pending: ['InProgress', 'Completed', 'Failed', 'Deleting'],
      InProgress: ['Completed', 'Failed', 'Deleting'],
      Completed: ['Deleting', 'absent'],
      Failed: ['Deleting', 'absent'],
      Deleting: ['absent'],
    },
    settled: new Set(['Completed', 'Failed']),
  },
  Endpoint: {
    member: 'EndpointStatus',
    arn: 'EndpointArn',
    next: {
      absent: ['Creating'],
      Creating: ['InService', 'Failed', 'Deleting'],
      InService: ['Updating', 'SystemUpdating', 'Deleting'],
      Updating: ['InService', 'RollingBack', 'Failed', 'Deleting'],
      SystemUpdating: ['InService', 'RollingBack', 'Failed', 'Deleting'],
      RollingBack: ['InService', 'UpdateRollbackFailed', 'Deleting'],
      UpdateRollbackFailed: ['Deleting'],
      Failed: ['Deleting'],
      Deleting: ['absent'],
    },
    settled: new Set(['Failed']),
  },
  Function: {
    member: 'State',
    arn: 'FunctionArn',
    next: {
      absent: ['Pending', 'Active'],
      Pending: ['Active', 'Failed', 'absent'],
      Active: ['Inactive', 'Pending', 'absent'],
      Inactive: ['Pending', 'Active', 'absent'],
      Failed: ['Pending', 'absent'],
    },
    settled: new Set(['Active', 'Inactive', 'Failed']),
  },
  // a call that outlives its caller; its result is forgotten after a while
  FunctionInvocation: {
    member: 'status',
    arn: '',
    next: {
      absent: ['Queued', 'Running'],
      Queued: ['Running', 'Failed', 'absent'],
      // of what nobody waits for, a failed attempt is made again
      Running: ['Succeeded', 'Failed', 'Queued', 'absent'],
      Succeeded: ['absent'],
      Failed: ['absent'],
    },
    settled: new Set(['Succeeded', 'Failed']),
  },
};

export interface Transition {
  readonly kind: string;
  readonly rules: StatusRules;
  readonly from: string;
  readonly to: string;
}

/** The change of status that a row's change is; undefined for kinds without one and where it stays. */
export function transitionOf({ key, before, after }: RowChange): Transition | undefined {
  const rules = STATUSES[key.kind];
  if (!rules) return undefined;
  const from = statusOf(rules, before?.document);
  const to = statusOf(rules, after?.document);
  return from === to ? undefined : { kind: key.kind, rules, from, to };
}

export const statusOf = (rules: StatusRules, document: unknown): string =>
  document === undefined ? 'absent' : (textOf(document, rules.member) ?? 'without a status');

export const isUnsettled = (kind: string, document: unknown): boolean => {
  const rules = STATUSES[kind];
  return rules !== undefined && document !== undefined && !rules.settled.has(statusOf(rules, document));
};

export const isSettled = (kind: string, document: unknown): boolean =>
  STATUSES[kind]?.settled.has(statusOf(STATUSES[kind], document)) ?? false;
