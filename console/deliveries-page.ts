import type { OutputOf } from '../src/contract/operations.ts';
import { type ApiError, call, callAll, isRefusal } from './api.ts';
import type { Page } from './page.ts';
import { isRunning, type Summary, waitingApprovals } from './delivery-reads.ts';
import { h } from './dom.ts';
import { durationText, shortId, shortRevision } from './format.ts';
import { card, command, empty, type Row, statusBadge, tableOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';

type Pipeline = NonNullable<OutputOf<'codepipeline:ListPipelines'>['pipelines']>[number];

/** Every delivery pipeline with its newest execution, and what waits for a person. */
export const deliveriesPage: Page = () => {
  const known = new Map<string, { readonly readAt: number; readonly now: Now }>();
  const nowOf = async (name: string): Promise<Now> => {
    const before = known.get(name);
    if (before && isQuiet(before.now) && performance.now() - before.readAt < QUIET_MS) return before.now;
    const now = await readNow(name);
    known.set(name, { readAt: performance.now(), now });
    return now;
  };
  return async () => {
    const pipelines = await callAll<Pipeline>(async (nextToken) => {
      const page = await call('codepipeline:ListPipelines', { maxResults: 100, nextToken });
      return [page.pipelines, page.nextToken];
    });
    const rows = await Promise.all(pipelines.map(async ({ name = '' }) => rowUnlessRefused(name, nowOf)));
    rows.sort((a, b) => b.startedAt - a.startedAt);
    return {
      title: 'Delivery',
      content: [
        h('h1', {}, 'Delivery'),
        h('p', { class: 'sub' }, 'Delivery pipelines with their newest execution. Times are UTC; local time on hover.'),
        card(rows.length > 0 ? tableOf(HEADINGS, rows) : nothing()),
      ],
      live: true,
    };
  };
};

/** Who may not see one may still see the others. */
async function rowUnlessRefused(name: string, nowOf: (name: string) => Promise<Now>): Promise<ReturnType<typeof rowOf>> {
  try {
    return rowOf(name, await nowOf(name));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return refusedRow(name, error);
  }
}

const refusedRow = (name: string, { code, message }: ApiError): ReturnType<typeof rowOf> => ({
  key: name,
  startedAt: 0,
  cells: [name, '–', h('span', { class: 'reason' }, `${code}: ${message}`), '–', '–', ''],
});

/** How long a pipeline that rests is not asked again: there may be hundreds. */
const QUIET_MS = 5000;

/** What a pipeline is at. */
interface Now {
  readonly newest: Summary | undefined;
  readonly waiting: ReturnType<typeof waitingApprovals>;
}

const isQuiet = ({ newest, waiting }: Now): boolean => waiting.length === 0 && !isRunning(newest?.status);

async function readNow(name: string): Promise<Now> {
  const { pipelineExecutionSummaries: [newest] = [] } = await call('codepipeline:ListPipelineExecutions', {
    pipelineName: name,
    maxResults: 1,
  });
  // another execution than the newest may be the one that waits
  return { newest, waiting: newest ? waitingApprovals(await call('codepipeline:GetPipelineState', { name })) : [] };
}

const HEADINGS = ['Pipeline', 'Waits for you', 'Newest execution', 'Source revision', 'Started', 'Took'];

const nothing = (): HTMLElement =>
  empty(
    h('p', {}, 'No delivery pipeline yet. A project with repository, builds, delivery and rules:'),
    command('npx slipway init my-project --template codepipeline'),
    h('p', {}, 'or one of your own:'),
    command('aws codepipeline create-pipeline --cli-input-json file://pipeline.json'),
  );

function rowOf(name: string, { newest, waiting }: Now): Row & { readonly startedAt: number } {
  const reviews = waiting.map(({ stage, action }) =>
    h('div', {}, h('a', { class: 'review', href: linkTo('delivery', name, { stage, action }) }, `Review ${stage} / ${action}`)),
  );
  const isOver = newest && !isRunning(newest.status);
  return {
    key: name,
    startedAt: newest?.startTime ?? 0,
    cells: [
      h('a', { href: linkTo('delivery', name) }, name),
      h('div', {}, reviews.length > 0 ? reviews : '–'),
      newest ? newestOf(name, newest) : statusBadge(undefined, 'Never ran'),
      newest ? revisionsOf(newest) : '–',
      timeOf(newest?.startTime),
      durationText(newest?.startTime, isOver ? newest.lastUpdateTime : undefined),
    ],
  };
}

const newestOf = (name: string, { pipelineExecutionId: id = '', status }: Summary): HTMLElement =>
  h(
    'div',
    { class: 'newest' },
    statusBadge(status),
    ' ',
    h('a', { href: linkTo('delivery', name, { execution: id }), title: id }, shortId(id)),
  );

/** Each source with the first line of what it says of itself. */
export const revisionsOf = ({ sourceRevisions = [] }: Summary): HTMLElement =>
  h(
    'div',
    {},
    sourceRevisions.length === 0
      ? '–'
      : sourceRevisions.map(({ actionName = '', revisionId, revisionSummary = '' }) =>
          h(
            'div',
            { class: 'revision', title: `${actionName}: ${revisionId}` },
            h('code', {}, shortRevision(revisionId)),
            ` ${revisionSummary.split('\n')[0]}`,
          ),
        ),
  );
