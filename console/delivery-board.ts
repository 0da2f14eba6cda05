import {
  type Action,
  type Attempt,
  actionStateOf,
  type Delivery,
  latestAttempt,
  type Stage,
  stageStateOf,
} from './delivery-reads.ts';
import { h } from './dom.ts';
import { durationText, moodOf, shortId } from './format.ts';
import { statusBadge } from './parts.ts';
import { linkTo, type Route } from './route.ts';

/** Stages from left to right, the way into each before it, and in each its actions by run order. */
export function deliveryBoard(delivery: Delivery, choices: Route['choices']): HTMLElement {
  const columns = delivery.structure.stages.flatMap((stage, at) => [
    ...(at > 0 ? [transitionOf(delivery, stage, choices)] : []),
    stageColumn(delivery, stage, choices),
  ]);
  return h('div', { class: 'board', role: 'group', 'aria-label': 'Stages' }, columns);
}

function stageColumn(delivery: Delivery, stage: Stage, choices: Route['choices']): HTMLElement {
  const state = stageStateOf(delivery, stage.name);
  const status = state?.latestExecution?.status;
  const execution = state?.latestExecution?.pipelineExecutionId;
  const isChosen = choices['stage'] === stage.name && !choices['action'];
  const groups = [...Map.groupBy(stage.actions, ({ runOrder = 1 }) => runOrder)].sort(([a], [b]) => a - b);
  return h(
    'section',
    {
      class: `stage ${moodOf(status)}`,
      'aria-label': `Stage ${stage.name}`,
      'data-key': stage.name,
      'data-stage': stage.name,
      'data-status': status ?? '',
    },
    h(
      'h2',
      {},
      h(
        'a',
        {
          href: linkTo('delivery', delivery.name, { stage: stage.name }),
          'aria-current': isChosen ? 'true' : 'false',
          title: stage.name,
        },
        stage.name,
      ),
      ' ',
      statusBadge(status, 'Not run'),
    ),
    h(
      'p',
      { class: 'sub' },
      execution
        ? h('a', { href: linkTo('delivery', delivery.name, { execution }), title: execution }, shortId(execution))
        : 'no execution yet',
    ),
    groups.map(([order, actions]) =>
      h(
        'div',
        { class: actions.length > 1 ? 'group parallel' : 'group', 'data-key': String(order) },
        actions.map((action) => actionBox(delivery, stage, action, choices)),
      ),
    ),
  );
}

function actionBox(delivery: Delivery, stage: Stage, action: Action, choices: Route['choices']): HTMLElement {
  const state = actionStateOf(stageStateOf(delivery, stage.name), action.name)?.latestExecution;
  const attempt = latestAttempt(delivery, stage.name, action.name);
  const isForPerson = state?.token !== undefined && state.status === 'InProgress';
  const isChosen = choices['stage'] === stage.name && choices['action'] === action.name;
  const error = state?.errorDetails?.message;
  return h(
    'a',
    {
      class: `node action ${isForPerson ? 'wait asks' : moodOf(state?.status)}`,
      href: linkTo('delivery', delivery.name, { stage: stage.name, action: action.name }),
      'data-key': action.name,
      'data-action': action.name,
      'data-status': state?.status ?? '',
      'aria-current': isChosen ? 'true' : undefined,
    },
    h('span', { class: 'name', title: action.name }, action.name),
    h('span', { class: 'about' }, h('span', {}, providerText(action)), h('span', { class: 'took' }, tookOf(attempt))),
    isForPerson ? h('span', { class: 'review' }, 'Review') : undefined,
    error && state?.status === 'Failed' ? h('span', { class: 'why', title: error }, error) : undefined,
  );
}

export const providerText = ({ actionTypeId: { category, provider } }: Pick<Action, 'actionTypeId'>): string =>
  category === 'Approval' ? 'Manual approval' : provider;

export const tookOf = (attempt: Attempt | undefined): string =>
  attempt ? durationText(attempt.startTime, attempt.status === 'InProgress' ? undefined : attempt.lastUpdateTime) : '';

/** The way into a stage: open or closed, and who stands before it. */
function transitionOf(delivery: Delivery, stage: Stage, choices: Route['choices']): HTMLElement {
  const state = stageStateOf(delivery, stage.name);
  const { enabled = true, disabledReason } = state?.inboundTransitionState ?? {};
  const waiting = state?.inboundExecutions ?? [];
  const isChosen = choices['transition'] === stage.name;
  const about = enabled ? `Into ${stage.name}: enabled` : `Into ${stage.name}: disabled. ${disabledReason ?? ''}`;
  return h(
    'a',
    {
      class: enabled ? 'transition' : 'transition closed',
      href: linkTo('delivery', delivery.name, { transition: stage.name }),
      'data-key': `into ${stage.name}`,
      'data-transition': stage.name,
      'data-enabled': String(enabled),
      'aria-current': isChosen ? 'true' : undefined,
      'aria-label': about,
      title: about,
    },
    h('span', { class: 'arrow' }, enabled ? '→' : '⊘'),
    enabled ? undefined : h('span', { class: 'word' }, 'disabled'),
    waiting.length > 0 ? h('span', { class: 'word' }, `${waiting.length} waiting`) : undefined,
  );
}
