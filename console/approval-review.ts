import { call } from './api.ts';
import { deedForm, type Keep } from './deed.ts';
import { type Attempt, type Delivery, readExecution, type ShownAttempt } from './delivery-reads.ts';
import { h } from './dom.ts';
import { packagesIn } from './format.ts';
import { commitLink, linkOfArn, outwardLink } from './links.ts';
import { listOf, tableOf, timeOf } from './parts.ts';
import { comparisonOf } from './version-compare.ts';

/** What AWS lets a reviewer write. */
const SUMMARY_MAX = 512;
const CANDIDATES_SHOWN = 2;

/** What is asked of the reviewer, what it is about, and the answer. The right to give it is checked by the server, not here. */
export async function approvalReview(
  { delivery, stage, action, attempt, state }: ShownAttempt,
  keep: Keep,
): Promise<(Node | undefined)[]> {
  const {
    CustomData: message,
    ExternalEntityLink: external,
    NotificationArn: topic,
  } = attempt.input?.resolvedConfiguration ?? {};
  const { token, actionExecutionId } = state?.latestExecution ?? {};
  const isOpen = attempt.status === 'InProgress' && token !== undefined && actionExecutionId === attempt.actionExecutionId;
  const form = (): HTMLElement => answerForm(delivery.name, stage, action, token ?? '');
  return [
    message ? h('blockquote', { class: 'message' }, message) : h('p', { class: 'sub' }, 'The request says nothing more.'),
    listOf([
      ['Look at', external ? outwardLink(external) : undefined],
      ['Asked', timeOf(attempt.startTime)],
      ['Told', topic],
      ...(isOpen
        ? []
        : ([
            ['Answered', attempt.status === 'InProgress' ? undefined : timeOf(attempt.lastUpdateTime)],
            ['by', attempt.updatedBy],
            ['Comment', attempt.output?.executionResult?.externalExecutionSummary],
          ] as const)),
    ]),
    ...revisionsOf(delivery, attempt.pipelineExecutionId ?? ''),
    ...(await candidatesOf(delivery, attempt)),
    attempt.status === 'InProgress' && !isOpen
      ? h(
          'p',
          { class: 'sub' },
          'Requests of executions side by side are answered newest first: this one comes up when its stage shows it.',
        )
      : undefined,
    ...(isOpen
      ? [h('h3', { class: 'section' }, 'Your decision'), keep.element(`answer ${attempt.actionExecutionId}`, form)]
      : []),
  ];
}

function answerForm(pipelineName: string, stageName: string, actionName: string, token: string): HTMLElement {
  const answer = async (status: 'Approved' | 'Rejected', summary: string): Promise<string> => {
    await call('codepipeline:PutApprovalResult', { pipelineName, stageName, actionName, token, result: { status, summary } });
    return `${status}.`;
  };
  return deedForm(
    [
      {
        name: 'summary',
        label: 'Comment (kept with your name)',
        isLong: true,
        lengthMax: SUMMARY_MAX,
        placeholder: 'What you looked at, and why you decide so',
      },
    ],
    [
      { label: 'Approve', look: 'good', act: ({ summary = '' }) => answer('Approved', summary) },
      { label: 'Reject', look: 'bad', act: ({ summary = '' }) => answer('Rejected', summary) },
    ],
  );
}

/** The repository here that a source action takes commits of. */
function repositoryOf({ structure }: Delivery, action: string): string | undefined {
  const declared = structure.stages.flatMap(({ actions }) => actions).find(({ name }) => name === action);
  return declared?.actionTypeId.provider === 'CodeCommit' ? declared.configuration?.['RepositoryName'] : undefined;
}

/** The commits or objects that would go on. */
function revisionsOf(delivery: Delivery, executionId: string): Node[] {
  const execution = delivery.executions.find(({ pipelineExecutionId }) => pipelineExecutionId === executionId);
  const rows = (execution?.sourceRevisions ?? []).map(({ actionName = '', revisionId, revisionSummary = '', revisionUrl }) => ({
    key: actionName,
    cells: [
      actionName,
      commitLink(repositoryOf(delivery, actionName), revisionId),
      h('div', { class: 'message' }, revisionSummary || '–', revisionUrl ? h('div', {}, outwardLink(revisionUrl)) : undefined),
    ],
  }));
  return rows.length > 0 ? [h('h3', { class: 'section' }, 'What goes on'), tableOf(['Source', 'Revision', 'Message'], rows)] : [];
}

/** Versions of models that the request, the execution's variables or its earlier actions name. */
async function candidatesOf(delivery: Delivery, attempt: Attempt): Promise<Node[]> {
  const id = attempt.pipelineExecutionId ?? '';
  const execution = await readExecution(delivery.name, id);
  const before = (delivery.attempts.get(id) ?? []).filter(({ startTime = 0 }) => startTime <= (attempt.startTime ?? 0));
  const texts = [
    ...Object.values(attempt.input?.resolvedConfiguration ?? {}),
    ...(execution?.variables ?? []).map(({ resolvedValue = '' }) => resolvedValue),
    ...before.flatMap(({ output }) => Object.values(output?.outputVariables ?? {})),
  ];
  const candidates = [...new Set(texts.flatMap(packagesIn))];
  if (candidates.length === 0) return [];
  const comparisons = await Promise.all(candidates.slice(0, CANDIDATES_SHOWN).map(comparisonOf));
  // nobody is to approve what the first ones hide
  const others = candidates.slice(CANDIDATES_SHOWN).map((arn) => h('p', {}, 'Also named: ', linkOfArn(arn) ?? arn));
  return [h('h3', { class: 'section' }, 'Candidate and production'), ...comparisons, ...others];
}
