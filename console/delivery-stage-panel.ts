import { call } from './api.ts';
import { deedForm, type Keep } from './deed.ts';
import { providerText, tookOf } from './delivery-board.ts';
import type { Panel } from './delivery-page.ts';
import { actionStateOf, type Delivery, latestAttempt, stageOf, stageStateOf, type StageState } from './delivery-reads.ts';
import { h } from './dom.ts';
import { shortId, shortRevision } from './format.ts';
import { empty, listOf, statusBadge, tableOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';

const ROLLBACKS_SHOWN = 10;
/** Statuses of a stage from which it can be retried. */
const ENDED_BADLY = new Set(['Failed', 'Stopped']);

/** A stage: what it is at, and what can be done about it. */
export async function stagePanel(delivery: Delivery, stageName: string, keep: Keep): Promise<Panel> {
  const stage = stageOf(delivery, stageName);
  const state = stageStateOf(delivery, stageName);
  if (!stage || !state) return { title: stageName, content: [empty(`There is no stage ${stageName} (any more).`)] };
  const { latestExecution: latest, retryStageMetadata: retries } = state;
  const rows = stage.actions.map((action) => {
    const attempt = latestAttempt(delivery, stageName, action.name);
    return {
      key: action.name,
      cells: [
        h('a', { href: linkTo('delivery', delivery.name, { stage: stageName, action: action.name }) }, action.name),
        providerText(action),
        statusBadge(actionStateOf(state, action.name)?.latestExecution?.status, 'Not run'),
        tookOf(attempt),
      ],
    };
  });
  const content = [
    h('h2', { class: 'title' }, `${stageName} `, statusBadge(latest?.status, 'Not run')),
    listOf([
      ['Execution', latest?.pipelineExecutionId ? executionLink(delivery, latest.pipelineExecutionId) : undefined],
      ['Type', latest?.type === 'ROLLBACK' ? 'ROLLBACK' : undefined],
      ['Retries by itself', retries?.autoStageRetryAttempt ? String(retries.autoStageRetryAttempt) : undefined],
      ['Retries by hand', retries?.manualStageRetryAttempt ? String(retries.manualStageRetryAttempt) : undefined],
      ['Waiting before it', state.inboundExecutions?.length ? waitingList(delivery, state) : undefined],
    ]),
    tableOf(['Action', 'Provider', 'Status', 'Took'], rows),
    ...retryOf(delivery, state, keep),
    ...(await rollbackOf(delivery, state, keep)),
  ];
  return { title: stageName, content: [h('div', { 'data-key': `stage ${stageName}` }, content)] };
}

export const executionLink = ({ name }: Delivery, id: string): HTMLElement =>
  h('a', { href: linkTo('delivery', name, { execution: id }), title: id }, shortId(id));

const waitingList = (delivery: Delivery, { inboundExecutions = [] }: StageState): HTMLElement =>
  h(
    'span',
    {},
    inboundExecutions.flatMap(({ pipelineExecutionId: id = '' }, at) => [at > 0 ? ', ' : '', executionLink(delivery, id)]),
  );

function retryOf({ name }: Delivery, { stageName = '', latestExecution, retryStageMetadata }: StageState, keep: Keep): Node[] {
  const { pipelineExecutionId: id, status } = latestExecution ?? {};
  if (!id || !ENDED_BADLY.has(status ?? '')) return [];
  const before = retryStageMetadata?.manualStageRetryAttempt ?? 0; // “Tried again.” is not said of what failed once more
  const retry = (retryMode: 'FAILED_ACTIONS' | 'ALL_ACTIONS') => async (): Promise<string> => {
    await call('codepipeline:RetryStageExecution', { pipelineName: name, stageName, pipelineExecutionId: id, retryMode });
    return 'Tried again.';
  };
  const form = (): HTMLElement =>
    deedForm(
      [],
      [
        { label: 'Retry failed actions', act: retry('FAILED_ACTIONS') },
        { label: 'Retry whole stage', look: 'plain', act: retry('ALL_ACTIONS') },
      ],
    );
  return [h('h3', { class: 'section' }, 'Retry'), keep.element(`retry ${stageName} ${id} ${before}`, form)];
}

/** Executions that got through the stage and can be gone back to; the source stage cannot be rolled back. */
async function rollbackOf(
  { name, structure }: Delivery,
  { stageName = '', latestExecution }: StageState,
  keep: Keep,
): Promise<Node[]> {
  if (structure.pipelineType !== 'V2' || structure.stages[0]?.name === stageName) return [];
  const { pipelineExecutionSummaries: found = [] } = await call('codepipeline:ListPipelineExecutions', {
    pipelineName: name,
    maxResults: 100,
    filter: { succeededInStage: { stageName } },
  });
  const targets = found.filter(
    ({ pipelineExecutionId, executionType }) =>
      pipelineExecutionId !== latestExecution?.pipelineExecutionId && executionType !== 'ROLLBACK',
  );
  if (targets.length === 0) return [];
  const rows = targets.slice(0, ROLLBACKS_SHOWN).map(({ pipelineExecutionId: id = '', sourceRevisions, lastUpdateTime }) => {
    const roll = (): HTMLElement =>
      deedForm(
        [],
        [
          {
            label: `Roll back to ${shortId(id)}`,
            look: 'bad',
            async act() {
              const input = { pipelineName: name, stageName, targetPipelineExecutionId: id };
              const { pipelineExecutionId } = await call('codepipeline:RollbackStage', input);
              return `Started ${shortId(pipelineExecutionId)}.`;
            },
          },
        ],
      );
    const revision = sourceRevisions?.[0];
    return {
      key: id,
      cells: [
        h('code', { title: revision?.revisionSummary }, shortRevision(revision?.revisionId)),
        timeOf(lastUpdateTime),
        h('div', {}, keep.element(`rollback ${stageName} ${id}`, roll)),
      ],
    };
  });
  const table = tableOf(['Revision', 'Ended', ''], rows);
  return [h('h3', { class: 'section' }, 'Roll back'), h('p', { class: 'sub' }, 'To what got through this stage before.'), table];
}

/** The way into a stage, and the form that opens or closes it. */
export function transitionPanel(delivery: Delivery, stageName: string, keep: Keep): Panel {
  const title = `Transition into ${stageName}`;
  const state = stageStateOf(delivery, stageName);
  if (!state) return { title, content: [empty(`There is no stage ${stageName} (any more).`)] };
  const { enabled = true, disabledReason, lastChangedAt, lastChangedBy } = state.inboundTransitionState ?? {};
  const common = { pipelineName: delivery.name, stageName, transitionType: 'Inbound' as const };
  const close = (): HTMLElement =>
    deedForm(
      [{ name: 'reason', label: 'Reason', isRequired: true, lengthMax: 300, placeholder: 'Why nothing may enter' }],
      [
        {
          label: 'Disable transition',
          look: 'bad',
          async act({ reason = '' }) {
            await call('codepipeline:DisableStageTransition', { ...common, reason });
            return 'Disabled.';
          },
        },
      ],
    );
  const open = (): HTMLElement =>
    deedForm(
      [],
      [
        {
          label: 'Enable transition',
          async act() {
            await call('codepipeline:EnableStageTransition', common);
            return 'Enabled.';
          },
        },
      ],
    );
  const asOf = `${stageName} ${lastChangedAt ?? 0}`; // what was said about the change before is not said of this one
  const content = [
    h('h2', { class: 'title' }, `${title} `, statusBadge(enabled ? 'ENABLED' : 'DISABLED')),
    listOf([
      ['Reason', enabled ? undefined : disabledReason],
      ['Changed', lastChangedAt === undefined ? undefined : timeOf(lastChangedAt)],
      ['by', lastChangedBy],
      ['Waiting before it', state.inboundExecutions?.length ? waitingList(delivery, state) : 'nobody'],
    ]),
    enabled ? keep.element(`close ${asOf}`, close) : keep.element(`open ${asOf}`, open),
  ];
  return { title, content: [h('div', { 'data-key': `into ${stageName}` }, content)] };
}
