import { call, isRefusal } from './api.ts';
import { approvalReview } from './approval-review.ts';
import { buildView } from './build-view.ts';
import type { Keep } from './deed.ts';
import { providerText, tookOf } from './delivery-board.ts';
import type { Panel } from './delivery-page.ts';
import {
  type Action,
  actionStateOf,
  type Attempt,
  type Delivery,
  latestAttempt,
  type ShownAttempt,
  stageOf,
  stageStateOf,
} from './delivery-reads.ts';
import { executionLink } from './delivery-stage-panel.ts';
import { h } from './dom.ts';
import { packagesIn } from './format.ts';
import { commitLink, linkOfArn, outwardLink } from './links.ts';
import { type Cell, copyable, empty, listOf, statusBadge, timeOf } from './parts.ts';
import { linkTo, type Route } from './route.ts';

/** How many executions back a request for approval is looked for that no stage shows any more. */
const REQUESTS_BACK = 30;

/** An action: the attempt that its stage shows, that of a chosen execution, or the very request that a message was about. */
export async function actionPanel(delivery: Delivery, choices: Route['choices'], keep: Keep): Promise<Panel> {
  const { stage = '', action = '', execution, request } = choices;
  const title = `${stage} / ${action}`;
  const declared = stageOf(delivery, stage)?.actions.find(({ name }) => name === action);
  const state = actionStateOf(stageStateOf(delivery, stage), action);
  const attempt = await attemptOf(delivery, stage, action, execution, request);
  if (!declared && !attempt) return { title, content: [empty(`There is no action ${title} (any more).`)] };
  const type = declared ?? (attempt?.input as Pick<Action, 'actionTypeId'>);
  const isOther = request !== undefined && attempt?.actionExecutionId !== request;
  const content = [
    h('h2', { class: 'title' }, `${title} `, statusBadge(attempt?.status, 'Not run')),
    h('p', { class: 'sub' }, [type ? providerText(type) : '', tookOf(attempt)].filter(Boolean).join(' · ')),
    isOther
      ? h('p', { class: 'reason' }, 'The request that this address is about is not there any more. This is the newest.')
      : undefined,
    ...(attempt ? await attemptView({ delivery, stage, action, attempt, state }, keep) : [notYet(declared)]),
  ].filter((node) => node !== undefined);
  return { title, content: [h('div', { 'data-key': `${title} ${attempt?.actionExecutionId ?? ''}` }, content)] };
}

const notYet = (declared: Action | undefined): HTMLElement =>
  h(
    'div',
    {},
    empty('It has not run in the execution that this stage shows.'),
    settingsOf('Configuration', declared?.configuration),
  );

async function attemptOf(
  delivery: Delivery,
  stage: string,
  action: string,
  execution: string | undefined,
  request: string | undefined,
): Promise<Attempt | undefined> {
  const latest = latestAttempt(delivery, stage, action);
  if (execution !== undefined) {
    const attempts = delivery.attempts.get(execution) ?? [];
    return attempts.find(({ stageName, actionName }) => stageName === stage && actionName === action);
  }
  if (request === undefined || latest?.actionExecutionId === request) return latest;
  const shown = [...delivery.attempts.values()].flat().find(({ actionExecutionId }) => actionExecutionId === request);
  return shown ?? (await findRequest(delivery.name, request)) ?? latest;
}

const found = new Map<string, Attempt | undefined>();

/** An older request: its answer does not change, so it is looked for once. */
async function findRequest(pipelineName: string, request: string): Promise<Attempt | undefined> {
  let nextToken: string | undefined;
  for (let pages = 0; pages < REQUESTS_BACK && !found.has(request); pages++) {
    const page = await call('codepipeline:ListActionExecutions', { pipelineName, maxResults: 100, nextToken });
    const attempt = page.actionExecutionDetails?.find(({ actionExecutionId }) => actionExecutionId === request);
    if (attempt && attempt.status === 'InProgress') return attempt;
    if (attempt || !page.nextToken) found.set(request, attempt);
    nextToken = page.nextToken;
  }
  return found.get(request);
}

async function attemptView(shown: ShownAttempt, keep: Keep): Promise<(Node | undefined)[]> {
  const { delivery, attempt, state } = shown;
  const { input = {}, output = {} } = attempt;
  const isApproval = input.actionTypeId?.category === 'Approval';
  const { errorDetails: error, externalExecutionSummary: summary } = output.executionResult ?? {};
  const percent = state?.latestExecution?.percentComplete;
  return [
    error ? h('p', { class: 'reason' }, [error.code, error.message].filter(Boolean).join(': ')) : undefined,
    ...(isApproval ? await approvalReview(shown, keep) : []),
    isApproval ? h('h3', { class: 'section' }, 'This run of it') : undefined,
    listOf([
      ['Execution', executionLink(delivery, attempt.pipelineExecutionId ?? '')],
      ['Goes to', externalOf(attempt)],
      ['Summary', isApproval ? undefined : summary],
      ['Done', percent === undefined || attempt.status !== 'InProgress' ? undefined : `${percent} %`],
      ['Started', timeOf(attempt.startTime)],
      ['Changed', timeOf(attempt.lastUpdateTime)],
      ['Role', input.roleArn ? copyable(input.roleArn) : undefined],
      ['Namespace', input.namespace],
    ]),
    ...(await buildOf(attempt, keep)),
    isApproval ? undefined : settingsOf('Configuration', input.resolvedConfiguration),
    artifactsOf('Input artifacts', input.inputArtifacts),
    artifactsOf('Output artifacts', output.outputArtifacts),
    settingsOf('Output variables', output.outputVariables),
  ];
}

/** What the action asked for elsewhere: a build, an execution, an endpoint, a commit. */
function externalOf({ input = {}, output = {} }: Attempt): Cell | undefined {
  const { externalExecutionId: id, externalExecutionUrl: url } = output.executionResult ?? {};
  const { provider } = input.actionTypeId ?? {};
  const configuration = input.resolvedConfiguration ?? {};
  if (provider === 'SageMakerEndpoint' && configuration['EndpointName']) {
    const name = configuration['EndpointName'];
    return h('a', { href: linkTo('endpoints', name) }, `endpoint ${name}`);
  }
  if (!id) return undefined;
  if (provider === 'CodeBuild') return h('a', { href: linkTo('build', id), title: id }, `build ${id}`);
  if (provider === 'CodeCommit') return commitLink(configuration['RepositoryName'], id);
  const link = linkOfArn(id);
  if (link) return link;
  return url ? outwardLink(url) : id;
}

/** Names and values; what names something that has a page leads there. */
function settingsOf(title: string, values: Readonly<Record<string, string>> | undefined): HTMLElement | undefined {
  const entries = Object.entries(values ?? {});
  if (entries.length === 0) return undefined;
  const cells = entries.map(([name, value]) => [name, valueCell(value)] as const);
  return h('div', {}, h('h3', { class: 'section' }, title), listOf(cells));
}

function valueCell(value: string): Cell {
  const link = linkOfArn(value);
  if (link) return link;
  const packages = packagesIn(value);
  if (packages.length > 1 && packages.join(',') === value) {
    return h(
      'span',
      {},
      packages.map((arn) => h('div', {}, linkOfArn(arn) ?? arn)),
    );
  }
  return value.includes('\n') ? h('pre', { class: 'plain' }, value) : value;
}

type Artifacts = NonNullable<NonNullable<Attempt['input']>['inputArtifacts']>;

function artifactsOf(title: string, artifacts: Artifacts | undefined): HTMLElement | undefined {
  if (!artifacts || artifacts.length === 0) return undefined;
  const cells = artifacts.map(({ name = '', s3location: { bucket = '', key = '' } = {} }) => {
    return [name, copyable(`s3://${bucket}/${key}`)] as const;
  });
  return h('div', {}, h('h3', { class: 'section' }, title), listOf(cells));
}

/** The build's phases and its log, as they grow. */
async function buildOf({ input, output }: Attempt, keep: Keep): Promise<Node[]> {
  const id = output?.executionResult?.externalExecutionId;
  if (input?.actionTypeId?.provider !== 'CodeBuild' || !id) return [];
  try {
    return [h('h3', { class: 'section' }, 'Build'), ...(await keep.thing(`build ${id}`, () => buildView(id))()).parts];
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return [h('p', { class: 'sub' }, `${error.code}: ${error.message}`)]; // deleted, or not for this user
  }
}
