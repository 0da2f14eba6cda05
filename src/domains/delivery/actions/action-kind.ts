import type { ActionDeclaration, PipelineDeclaration } from '../../../contract/generated/codepipeline.ts';
import type { OperationName } from '../../../contract/operations.ts';
import type { Principal } from '../../../platform/authorization/principal.ts';
import type { CallOrigin } from '../../../platform/calls/operation.ts';
import type { EventInput } from '../../../platform/events/event.ts';
import type { ResourceKey } from '../../../platform/resource-key.ts';
import type { Observation } from '../decide-execution.ts';
import type { DeliveryPorts } from '../ports.ts';
import type { ActionRecord, ExecutionDocument } from '../resources.ts';

/** One action in progress, with all that performing it needs. */
export interface Work {
  readonly ports: DeliveryPorts;
  readonly key: ResourceKey;
  readonly execution: ExecutionDocument;
  readonly structure: PipelineDeclaration;
  readonly declared: ActionDeclaration;
  readonly action: ActionRecord;
  /** With variables resolved. */
  readonly configuration: Readonly<Record<string, string>>;
  /** A session of the action's role, or of the pipeline's. */
  readonly principal: Principal;
  readonly origin: CallOrigin;
}

export type Seen = Omit<Observation, 'action'>;

export interface ActionKind {
  readonly calls: readonly OperationName[];
  /** Asks for what the action does, under names made of its id: asking again finds what is there. */
  start(work: Work): Promise<Seen>;
  /** Looks whether it has ended; undefined while nothing is new. Absent: somebody tells us. */
  look?(work: Work): Promise<Seen | undefined>;
  /** The event that tells of an end, and the `externalExecutionId`s it is about. */
  readonly end?: { readonly detailType: string; ids(event: EventInput): string[] };
}

export const failed = (code: string, message: string, changes: Seen['changes'] = {}): Seen => ({
  seen: 'failed',
  error: { code, message },
  changes,
});

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
