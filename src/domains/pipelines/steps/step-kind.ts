import type { OperationName } from '../../../contract/operations.ts';
import type { Principal } from '../../../platform/authorization/principal.ts';
import type { CallOrigin } from '../../../platform/calls/operation.ts';
import type { EventInput } from '../../../platform/events/event.ts';
import type { GraphStep } from '../../../../sdk/definition/index.ts';
import type { Observation } from '../decide-execution.ts';
import type { PipelinePorts } from '../ports.ts';
import type { StepDocument } from '../resources.ts';
import type { ExecutionRun } from '../run.ts';

/** Everything one effect needs to know. */
export interface Work {
  readonly ports: PipelinePorts;
  readonly run: ExecutionRun;
  readonly index: number;
  readonly step: GraphStep;
  readonly document: StepDocument;
  /** The session of the pipeline's role. */
  readonly principal: Principal;
  readonly origin: CallOrigin;
}

/**
 * A step type that makes something: how it is begun, looked at and stopped. Every function may be called again after a death and must then
 * find what the first call did: what it makes is named by `document.jobName`, which belongs to this step of this execution alone.
 * A ServiceError that one of them throws fails the step with its message; one that says nothing about the request is tried again.
 */
export interface StepKind {
  /** Operations of other rooms it calls. */
  readonly calls: readonly OperationName[];
  /** The member of the step's arguments that would name what it makes. */
  readonly nameMember?: string;
  /** Asks for what the step makes. */
  start(work: Work): Promise<Observation>;
  /** Whether that has ended; undefined while it has not. Absent where `start` tells the end. */
  look?(work: Work): Promise<Observation | undefined>;
  /** Asks it to end early. Undefined when its end is still to come. */
  stop(work: Work): Promise<Observation | undefined>;
  readonly end?: StepEnd;
  /** When to look at it though nothing was told: its time is over then. */
  deadlineMs?(document: StepDocument): number;
}

/** The event that tells the end of what a step made, so that its execution looks at it. */
export interface StepEnd {
  readonly detailType: string;
  /** What ended by the event, as ids; none when it tells of something else than an end. */
  ended(event: EventInput): readonly string[];
  /** The id under which the end of a step's work is told; undefined while that is not known, which leaves it to the slow look. */
  idOf(run: ExecutionRun, index: number, jobName: string): string | undefined;
}
