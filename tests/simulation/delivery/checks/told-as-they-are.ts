import type { StoredEvent } from '../../../../src/platform/events/event.ts';
import type { ExecutionDocument } from '../../../../src/domains/delivery/resources.ts';
import { type Check, memberOf, type SeenCommit, type Watched } from '../../checks/check.ts';
import { attemptsOf, type DeliveryChange, deliveryChanges, shortOf } from './delivery-rows.ts';

const ACTION_STATES = { InProgress: 'STARTED', Succeeded: 'SUCCEEDED', Failed: 'FAILED', Abandoned: 'ABANDONED' } as const;

/** What has to be told of a change, as `<what> <state> <which>`: once each. */
function toTell({ before, after }: DeliveryChange): string[] {
  if (!after) return [];
  const told: string[] = [];
  if (before?.status !== after.status) {
    const resumed = before !== undefined && after.status === 'InProgress';
    told.push(`Pipeline ${resumed ? 'RESUMED' : before ? after.status.toUpperCase() : 'STARTED'}`);
  }
  for (const action of attemptsOf(after)) {
    const old = attemptsOf(before).find(({ id }) => id === action.id)?.status;
    if (old === action.status) continue;
    if (old === undefined && action.status !== 'InProgress') told.push(`Action STARTED ${action.id}`);
    told.push(`Action ${ACTION_STATES[action.status]} ${action.id}`);
  }
  for (const stage of after.stages) {
    const old = before?.stages.find(({ name }) => name === stage.name);
    const isAgain = old !== undefined && stage.attempt > old.attempt;
    if (old === undefined) told.push(`Stage STARTED ${stage.name}`);
    // tried again by itself in the very commit that saw it fail
    if (isAgain && old.status === 'InProgress') told.push(`Stage FAILED ${stage.name}`);
    if (isAgain || (old === undefined && stage.attempt > 1)) told.push(`Stage RESUMED ${stage.name}`);
    if (old === undefined && stage.attempt > 1) told.push(`Stage FAILED ${stage.name}`);
    if (stage.status !== 'InProgress' && (stage.status !== old?.status || isAgain))
      told.push(`Stage ${stage.status === 'Skipped' ? 'SUCCEEDED' : stage.status?.toUpperCase()} ${stage.name}`);
  }
  return told;
}

const TOLD = /^CodePipeline (Pipeline|Stage|Action) Execution State Change$/;

/** What events tell of an execution, in the same words. */
const tolds = (events: readonly StoredEvent[], executionId: string): string[] =>
  events.flatMap(({ detailType, detail }) => {
    const [, what] = TOLD.exec(detailType) ?? [];
    if (what === undefined || detail['execution-id'] !== executionId) return [];
    const which = what === 'Stage' ? detail['stage'] : what === 'Action' ? detail['action-execution-id'] : '';
    return [`${what} ${String(detail['state'])} ${String(which)}`.trim()];
  });

/** Whether the ledger says that the commit did something to this execution, or made the pipeline that it is the first of. */
const isEntered = ({ ledger }: SeenCommit, { pipelineArn, executionId }: ExecutionDocument): boolean =>
  ledger.some(
    ({ entry }) =>
      entry.outcome === 'done' &&
      entry.resources.some((arn) => arn.startsWith(pipelineArn)) &&
      (memberOf(entry.changes, 'executionId', 1) === executionId || entry.action === 'codepipeline:CreatePipeline'),
  );

export const checkToldAsTheyAre = (_watched: Watched): Check => ({
  promise:
    'every change of a delivery, its stages and actions is told by one event and entered in the ledger, in the same commit',
  onCommit: (seen) => {
    const changes = deliveryChanges(seen).filter(({ after }) => after !== undefined);
    const problems = changes.flatMap((change) => {
      const { after } = change;
      if (!after) return [];
      const [wanted, told] = [toTell(change).sort(), tolds(seen.events, after.executionId).sort()];
      const lacking =
        wanted.length > 0 && !isEntered(seen, after)
          ? [`${shortOf(after)} changes without a ledger entry: ${wanted.join(', ')}`]
          : [];
      return wanted.join() === told.join()
        ? lacking
        : [...lacking, `${shortOf(after)} was to tell [${wanted.join(', ')}], and told [${told.join(', ')}]`];
    });
    const strange = seen.events.filter(
      ({ detailType, detail }) =>
        TOLD.test(detailType) && !changes.some(({ after }) => after?.executionId === memberOf(detail, 'execution-id')),
    );
    return [
      ...problems,
      ...strange.map(({ detail }) => `an event tells of ${String(detail['execution-id'])}, which did not change`),
    ];
  },
});
