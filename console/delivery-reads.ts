import type { OutputOf } from '../src/contract/operations.ts';
import { ApiError, call, callAll } from './api.ts';

type State = OutputOf<'codepipeline:GetPipelineState'>;
export type StageState = NonNullable<State['stageStates']>[number];
export type ActionState = NonNullable<StageState['actionStates']>[number];
export type Structure = NonNullable<OutputOf<'codepipeline:GetPipeline'>['pipeline']>;
export type Stage = Structure['stages'][number];
export type Action = Stage['actions'][number];
export type Summary = NonNullable<OutputOf<'codepipeline:ListPipelineExecutions'>['pipelineExecutionSummaries']>[number];
export type Execution = NonNullable<OutputOf<'codepipeline:GetPipelineExecution'>['pipelineExecution']>;
/** One attempt at an action of one execution. */
export type Attempt = NonNullable<OutputOf<'codepipeline:ListActionExecutions'>['actionExecutionDetails']>[number];

/** A delivery pipeline as it is now. */
export interface Delivery {
  readonly name: string;
  readonly arn: string;
  readonly structure: Structure;
  readonly state: State;
  /** The newest, newest first. */
  readonly executions: readonly Summary[];
  /** Of the executions that stages show, and of the one that is looked at; newest first. */
  readonly attempts: ReadonlyMap<string, readonly Attempt[]>;
}

/** An attempt that a panel is about, and what its stage says of the action now. */
export interface ShownAttempt {
  readonly delivery: Delivery;
  readonly stage: string;
  readonly action: string;
  readonly attempt: Attempt;
  readonly state: ActionState | undefined;
}

export const EXECUTIONS_SHOWN = 50;

/** Reads a pipeline again and again; what has ended is asked for once. */
export function deliveryReader(name: string) {
  let plan: { readonly structure: Structure; readonly arn: string } | undefined;
  const known = new Map<string, { readonly asOf: string; readonly attempts: readonly Attempt[] }>();

  const attemptsOf = async (id: string, summary: Summary | undefined): Promise<readonly Attempt[]> => {
    const asOf = summary && !isRunning(summary.status) ? `${summary.status} ${summary.lastUpdateTime}` : '';
    const before = known.get(id);
    if (before && asOf !== '' && before.asOf === asOf) return before.attempts;
    const attempts = await readAttempts(name, id);
    known.set(id, { asOf, attempts });
    return attempts;
  };

  return async (lookedAt?: string): Promise<Delivery> => {
    const [state, list] = await Promise.all([
      call('codepipeline:GetPipelineState', { name }),
      call('codepipeline:ListPipelineExecutions', { pipelineName: name, maxResults: EXECUTIONS_SHOWN }),
    ]);
    if (plan?.structure.version !== state.pipelineVersion) plan = await readPlan(name);
    const executions = list.pipelineExecutionSummaries ?? [];
    const ids = new Set((state.stageStates ?? []).map(({ latestExecution }) => latestExecution?.pipelineExecutionId));
    ids.add(lookedAt);
    const attempts = new Map<string, readonly Attempt[]>();
    for (const id of ids) {
      if (!id) continue;
      const summary = executions.find(({ pipelineExecutionId }) => pipelineExecutionId === id);
      attempts.set(id, await attemptsOf(id, summary));
    }
    return { name, arn: plan?.arn ?? '', structure: plan?.structure as Structure, state, executions, attempts };
  };
}

async function readPlan(name: string): Promise<{ structure: Structure; arn: string }> {
  const { pipeline, metadata } = await call('codepipeline:GetPipeline', { name });
  return { structure: pipeline as Structure, arn: metadata?.pipelineArn ?? '' };
}

/** An execution that was looked for by hand, or is gone, has none. */
async function readAttempts(pipelineName: string, pipelineExecutionId: string): Promise<readonly Attempt[]> {
  try {
    return await callAll<Attempt>(async (nextToken) => {
      const filter = { pipelineExecutionId };
      const page = await call('codepipeline:ListActionExecutions', { pipelineName, filter, maxResults: 100, nextToken });
      return [page.actionExecutionDetails, page.nextToken];
    });
  } catch (error) {
    if (error instanceof ApiError && error.status < 500 && /NotFound|Validation/.test(error.code)) return [];
    throw error;
  }
}

export async function readExecution(pipelineName: string, id: string): Promise<Execution | undefined> {
  try {
    const input = { pipelineName, pipelineExecutionId: id };
    return (await call('codepipeline:GetPipelineExecution', input)).pipelineExecution;
  } catch (error) {
    if (error instanceof ApiError && error.status < 500 && /NotFound|Validation/.test(error.code)) return undefined;
    throw error;
  }
}

export const isRunning = (status: string | undefined): boolean => status === 'InProgress' || status === 'Stopping';

export const stageStateOf = ({ state }: Delivery, stage: string): StageState | undefined =>
  state.stageStates?.find(({ stageName }) => stageName === stage);

export const actionStateOf = (stage: StageState | undefined, action: string): ActionState | undefined =>
  stage?.actionStates?.find(({ actionName }) => actionName === action);

export const stageOf = ({ structure }: Delivery, stage: string): Stage | undefined =>
  structure.stages.find(({ name }) => name === stage);

/** The newest attempt at an action by the execution that the stage shows. */
export function latestAttempt(delivery: Delivery, stage: string, action: string): Attempt | undefined {
  const state = stageStateOf(delivery, stage);
  const id = actionStateOf(state, action)?.latestExecution?.actionExecutionId;
  const attempts = delivery.attempts.get(state?.latestExecution?.pipelineExecutionId ?? '');
  return id === undefined ? undefined : attempts?.find(({ actionExecutionId }) => actionExecutionId === id);
}

/** What waits for a person: approvals that have a token. */
export const waitingApprovals = (state: State): { readonly stage: string; readonly action: string }[] =>
  (state.stageStates ?? []).flatMap(({ stageName = '', actionStates = [] }) =>
    actionStates.flatMap(({ actionName = '', latestExecution }) =>
      latestExecution?.token && latestExecution.status === 'InProgress' ? [{ stage: stageName, action: actionName }] : [],
    ),
  );
