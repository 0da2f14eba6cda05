import type { StoredEvent } from '../../../src/platform/events/event.ts';
import { eventStatus } from '../../../src/platform/serving/event-status.ts';
import { type Check, type RowChange, type SeenCommit, shown, textOf, type Watched } from './check.ts';
import { executionOf, stepNameOf } from './execution-steps.ts';
import { transitionOf } from './statuses.ts';

/** How EventBridge calls the change of a kind, and which member of `detail` tells the new status. */
const EVENTS: { readonly [kind: string]: { readonly type: string; readonly member: string; readonly before?: string } } = {
  PipelineExecution: {
    type: 'SageMaker Model Building Pipeline Execution Status Change',
    member: 'currentPipelineExecutionStatus',
    before: 'previousPipelineExecutionStatus',
  },
  PipelineExecutionStep: {
    type: 'SageMaker Model Building Pipeline Execution Step Status Change',
    member: 'currentStepStatus',
    before: 'previousStepStatus',
  },
  TrainingJob: { type: 'SageMaker Training Job State Change', member: 'TrainingJobStatus' },
  ProcessingJob: { type: 'SageMaker Processing Job State Change', member: 'ProcessingJobStatus' },
  TransformJob: { type: 'SageMaker Transform Job State Change', member: 'TransformJobStatus' },
  Endpoint: { type: 'SageMaker Endpoint State Change', member: 'EndpointStatus' },
};

const PACKAGE_EVENT = 'SageMaker Model Package State Change';

export function checkStatusEvents({ disk }: Watched): Check {
  let sequence = 0;
  const statusProblems = (change: RowChange, events: readonly StoredEvent[]): string[] => {
    const transition = transitionOf(change);
    const event = transition && EVENTS[transition.kind];
    if (!transition || !event || transition.to === 'absent') return [];
    const { kind, from, to, rules } = transition;
    const isStep = kind === 'PipelineExecutionStep';
    const arn = textOf(isStep ? executionOf(disk, change.key)?.document : change.after?.document, isStep ? 'arn' : rules.arn);
    const found = events.some(
      ({ detailType, resources, detail, source }) =>
        detailType === event.type &&
        source === 'aws.sagemaker' &&
        resources.includes(arn ?? '') &&
        detail[event.member] === (kind === 'Endpoint' ? eventStatus(to) : to) &&
        (event.before === undefined || (detail[event.before] ?? 'absent') === from) &&
        (!isStep || detail['stepName'] === stepNameOf(change.key)),
    );
    return found ? [] : [`${shown(change.key)} went from ${from} to ${to} without an event "${event.type}" that says so`];
  };
  const packageProblems = ({ key, before, after }: RowChange, events: readonly StoredEvent[]): string[] => {
    if (key.kind !== 'ModelPackage') return [];
    const [old, now] = [before, after].map((row) => textOf(row?.document, 'ModelApprovalStatus'));
    if (before && after && old === now) return [];
    const arn = textOf((after ?? before)?.document, 'ModelPackageArn') ?? '';
    const tells = ({ detailType, resources, detail }: StoredEvent) =>
      detailType === PACKAGE_EVENT && resources.includes(arn) && (!after || detail['ModelApprovalStatus'] === now);
    return events.some(tells)
      ? []
      : [`${shown(key)} went from ${old} to ${now} without an event "${PACKAGE_EVENT}" that says so`];
  };
  /** Whoever waits for an end is woken by it: an event of what did not happen would be as bad as none. */
  const untrue = ({ changes, events }: SeenCommit): string[] =>
    events.flatMap(({ detailType, detail }) => {
      const [kind, event] = Object.entries(EVENTS).find(([, { type, before }]) => type === detailType && before) ?? [];
      if (!kind || !event) return [];
      // a step that begins another attempt is Starting once more
      const statuses = changes.filter(({ key }) => key.kind === kind).map(({ after }) => textOf(after?.document, 'status'));
      return statuses.includes(String(detail[event.member]))
        ? []
        : [`an event "${detailType}" tells of ${String(detail[event.member])}, which nothing became`];
    });
  return {
    promise: 'every change of status has its event in the same commit, and every such event its change; sequences have no gaps',
    onCommit(seen) {
      const problems = seen.changes.flatMap((change) => [
        ...statusProblems(change, seen.events),
        ...packageProblems(change, seen.events),
      ]);
      for (const event of seen.events) {
        if (event.sequence !== sequence + 1) problems.push(`event ${event.sequence} follows ${sequence}`);
        sequence = event.sequence;
      }
      return [...problems, ...untrue(seen)];
    },
  };
}
