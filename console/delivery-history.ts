import { revisionsOf } from './deliveries-page.ts';
import { type Delivery, EXECUTIONS_SHOWN, isRunning, type Summary } from './delivery-reads.ts';
import { h } from './dom.ts';
import { durationText, lastPart, shortId } from './format.ts';
import { linkOfArn } from './links.ts';
import { empty, type Row, statusBadge, tableOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';

/** The newest executions of a pipeline. */
export function historyOf({ name, executions }: Delivery, chosen: string | undefined): HTMLElement {
  if (executions.length === 0) return empty('It never ran. “Release change” starts it.');
  const rows = executions.map((execution): Row => rowOf(name, execution, chosen));
  const table = tableOf(['Execution', 'Source revision', 'Trigger', 'Started'], rows);
  const rest = h('p', { class: 'sub' }, `The newest ${EXECUTIONS_SHOWN}.`);
  return executions.length < EXECUTIONS_SHOWN ? table : h('div', {}, table, rest);
}

function rowOf(pipeline: string, execution: Summary, chosen: string | undefined): Row {
  const { pipelineExecutionId: id = '', status, startTime, lastUpdateTime, executionType } = execution;
  const took = durationText(startTime, isRunning(status) ? undefined : lastUpdateTime);
  return {
    key: id,
    current: id === chosen,
    cells: [
      h(
        'div',
        {},
        h('a', { href: linkTo('delivery', pipeline, { execution: id }), title: id }, shortId(id)),
        h('div', {}, statusBadge(status)),
        executionType === 'ROLLBACK' ? h('div', { class: 'sub tight' }, 'rollback') : undefined,
      ),
      revisionsOf(execution),
      triggerOf(execution),
      h('div', {}, timeOf(startTime), h('div', { class: 'sub tight' }, `${isRunning(status) ? 'running for' : 'took'} ${took}`)),
    ],
  };
}

/** What started it: the kind in AWS's word, and who or what where the server says so. */
export function triggerOf({ trigger }: Pick<Summary, 'trigger'>): HTMLElement {
  const { triggerType = '', triggerDetail = '' } = trigger ?? {};
  const link = linkOfArn(triggerDetail);
  const detail = link ?? (triggerDetail.startsWith('arn:') ? lastPart(triggerDetail) : triggerDetail);
  return h('div', { title: triggerDetail }, h('div', {}, triggerType || '–'), h('div', { class: 'sub tight' }, detail));
}
