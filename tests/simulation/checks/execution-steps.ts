import type { ResourceKey } from '../../../src/platform/resource-key.ts';
import type { Row } from '../../../src/platform/store/port.ts';
import type { SimDisk } from '../sim-disk.ts';
import { type StepPlan, planOf } from './definition-order.ts';
import { textOf } from './check.ts';

/** A step's row is named `<pipeline>/execution/<id>/<step>`; that of its execution without the last part. */
export const executionNameOf = ({ name }: ResourceKey): string => name.slice(0, name.lastIndexOf('/'));

export const stepNameOf = ({ name }: ResourceKey): string => name.slice(name.lastIndexOf('/') + 1);

export const executionOf = (disk: SimDisk, step: ResourceKey): Row | undefined =>
  disk.rows.get({ ...step, kind: 'PipelineExecution', name: executionNameOf(step) });

export const siblingOf = (disk: SimDisk, step: ResourceKey, name: string): Row | undefined =>
  disk.rows.get({ ...step, name: `${executionNameOf(step)}/${name}` });

/** Every step of an execution that is listed. */
export const stepsOf = (disk: SimDisk, execution: ResourceKey): readonly Row[] =>
  disk.rows.list({
    account: execution.account,
    region: execution.region,
    kind: 'PipelineExecutionStep',
    parent: execution.name,
    sortBy: 'name',
    order: 'ascending',
    limit: 10_000,
  }).rows;

export const isActive = (row: Row | undefined): boolean =>
  ['Starting', 'Executing', 'Stopping'].includes(textOf(row?.document, 'status') ?? '');

/** How a definition's text is to be executed; remembered by its digest, which is the row's name. */
export function createPlans(disk: SimDisk): (execution: Row) => ReadonlyMap<string, StepPlan> {
  const plans = new Map<string, ReadonlyMap<string, StepPlan>>();
  return ({ key, document }) => {
    const digest = textOf(document, 'definitionDigest') ?? '';
    const known = plans.get(digest);
    if (known) return known;
    const text = textOf(disk.rows.get({ ...key, kind: 'PipelineDefinition', name: digest })?.document, 'text');
    const plan = planOf(JSON.parse(text ?? '{"Steps":[]}'));
    plans.set(digest, plan);
    return plan;
  };
}
