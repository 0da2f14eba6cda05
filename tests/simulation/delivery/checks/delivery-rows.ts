import type { ActionDeclaration, PipelineDeclaration } from '../../../../src/contract/generated/codepipeline.ts';
import type { ActionRecord, ExecutionDocument, VersionDocument } from '../../../../src/domains/delivery/resources.ts';
import type { ResourceKey } from '../../../../src/platform/resource-key.ts';
import type { SeenCommit } from '../../checks/check.ts';
import type { SimDisk } from '../../sim-disk.ts';

/** One execution of a delivery pipeline that a commit wrote or removed. */
export interface DeliveryChange {
  readonly key: ResourceKey;
  readonly before: ExecutionDocument | undefined;
  readonly after: ExecutionDocument | undefined;
}

export const EXECUTION = 'CodePipelineExecution';

export const deliveryChanges = ({ changes }: SeenCommit): DeliveryChange[] =>
  changes.flatMap(({ key, before, after }) =>
    key.kind === EXECUTION
      ? [
          {
            key,
            before: before?.document as ExecutionDocument | undefined,
            after: after?.document as ExecutionDocument | undefined,
          },
        ]
      : [],
  );

/** Every execution there is, of whichever pipeline. */
export const deliveries = (disk: SimDisk): (readonly [ResourceKey, ExecutionDocument])[] =>
  [...disk.rows.all(EXECUTION)].map(({ key, document }) => [key, document as unknown as ExecutionDocument] as const);

/** A pipeline and when it was made: the part of an execution's name that says whose it is. */
export const incarnationOf = ({ name }: ResourceKey): string => name.slice(0, name.lastIndexOf('/'));

export const shortOf = ({ pipelineName, number }: ExecutionDocument): string => `delivery ${number} of ${pipelineName}`;

/** What the execution was started to do; undefined while its pipeline is being removed. */
export function structureOf(disk: SimDisk, key: ResourceKey, { version }: ExecutionDocument): PipelineDeclaration | undefined {
  const row = disk.rows.get({ ...key, kind: 'CodePipelineVersion', name: `${incarnationOf(key)}/${version}` });
  return (row?.document as VersionDocument | undefined)?.declaration;
}

export const actionIn = (
  structure: PipelineDeclaration | undefined,
  { stage, name }: Pick<ActionRecord, 'stage' | 'name'>,
): ActionDeclaration | undefined => structure?.stages.find((one) => one.name === stage)?.actions.find((one) => one.name === name);

/** All attempts at actions, in no order. */
export const attemptsOf = (execution: ExecutionDocument | undefined): readonly ActionRecord[] =>
  execution ? [...execution.earlier, ...execution.actions] : [];

/** Attempts that the change began. */
export function begunIn({ before, after }: DeliveryChange): readonly ActionRecord[] {
  const known = new Set(attemptsOf(before).map(({ id }) => id));
  return attemptsOf(after).filter(({ id }) => !known.has(id));
}

/** Attempts that it ended. */
export function endedIn({ before, after }: DeliveryChange): readonly ActionRecord[] {
  const over = new Set(attemptsOf(before).flatMap(({ id, status }) => (status === 'InProgress' ? [] : [id])));
  return attemptsOf(after).filter(({ id, status }) => status !== 'InProgress' && !over.has(id));
}

/** Stages that it entered for the first time. */
export const enteredIn = ({ before, after }: DeliveryChange): readonly string[] =>
  (after?.stages ?? []).map(({ name }) => name).filter((name) => !before?.stages.some((one) => one.name === name));

export const isOver = ({ status }: ExecutionDocument): boolean => status !== 'InProgress' && status !== 'Stopping';
