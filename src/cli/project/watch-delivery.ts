import type { OutputOf } from '../../contract/operations.ts';
import { callJson } from '../client.ts';
import type { Connection } from '../connection.ts';
import { dataFlag } from '../data-folder-option.ts';
import { watchExecution } from '../execution-watch.ts';
import { failed } from '../exit.ts';
import { duration, type Output, statusWord } from '../output.ts';
import { pause } from '../wait.ts';

type ActionDetail = NonNullable<OutputOf<'codepipeline:ListActionExecutions'>['actionExecutionDetails']>[number];

/** How long a push or an approval may take to start something before the watch gives up. */
const START_TIMEOUT_MS = 180_000;

export const executionIdsOf = async (connection: Connection, pipelineName: string): Promise<string[]> => {
  const { pipelineExecutionSummaries = [] } = await callJson(connection, 'codepipeline:ListPipelineExecutions', { pipelineName });
  return pipelineExecutionSummaries.flatMap(({ pipelineExecutionId }) => pipelineExecutionId ?? []);
};

/** The first execution that was not there before. */
export async function awaitDelivery(connection: Connection, pipelineName: string, before: readonly string[]): Promise<string> {
  return awaitNew(`a delivery of ${pipelineName}`, async () =>
    (await executionIdsOf(connection, pipelineName)).find((id) => !before.includes(id)),
  );
}

/** Looks again until there is something; fails when there is nothing for too long. */
export async function awaitNew<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const untilMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > untilMs) throw failed(`Nothing started ${what} within ${START_TIMEOUT_MS / 1000} s.`);
    await pause(100);
  }
}

export interface DeliveryEnd {
  readonly id: string;
  readonly status: string;
  readonly commit: string;
  /** Why the action that failed last did; empty where it succeeded all the same. */
  readonly reason: string;
}

/** Prints one line per change of an action until the delivery ends; the steps of a SageMaker pipeline that an action runs, too. */
export async function watchDelivery(
  connection: Connection,
  output: Output,
  pipelineName: string,
  id: string,
): Promise<DeliveryEnd> {
  const printed = new Map<string, string>();
  const followed = new Set<string>();
  for (;;) {
    const { pipelineExecution } = await callJson(connection, 'codepipeline:GetPipelineExecution', {
      pipelineName,
      pipelineExecutionId: id,
    });
    const actions = await actionsOf(connection, pipelineName, id);
    for (const action of actions) {
      printAction(connection, output, pipelineName, action, printed);
      await followPipeline(connection, output, action, followed);
    }
    const status = pipelineExecution?.status ?? '';
    if (status !== 'InProgress' && status !== 'Stopping') {
      const failures = status === 'Succeeded' ? [] : actions.filter((action) => action.status === 'Failed');
      const broken = failures.at(-1)?.output?.executionResult;
      const commit = pipelineExecution?.artifactRevisions?.[0]?.revisionId ?? '';
      const reason = broken?.errorDetails?.message ?? broken?.externalExecutionSummary ?? '';
      return { id, status, commit, reason };
    }
    await pause(200);
  }
}

async function actionsOf(connection: Connection, pipelineName: string, pipelineExecutionId: string): Promise<ActionDetail[]> {
  const answer = await callJson(connection, 'codepipeline:ListActionExecutions', {
    pipelineName,
    filter: { pipelineExecutionId },
  });
  return (answer.actionExecutionDetails ?? []).reverse(); // newest first on the wire
}

function printAction(
  { folder }: Connection,
  output: Output,
  pipelineName: string,
  action: ActionDetail,
  printed: Map<string, string>,
): void {
  const { stageName = '', actionName = '', startTime, lastUpdateTime } = action;
  const status: string = action.status ?? '';
  const name = `${stageName}/${actionName}`;
  const attempt = action.actionExecutionId ?? name;
  if (printed.get(attempt) === status) return;
  printed.set(attempt, status);
  const hasEnded = status !== 'InProgress' && startTime !== undefined && lastUpdateTime !== undefined;
  const elapsed = hasEnded ? `  ${duration((Number(lastUpdateTime) - Number(startTime)) * 1000)}` : '';
  output.line(`  ${stageName.padEnd(11)} ${actionName.padEnd(14)} ${statusWord(output, status)}${elapsed}`);
  if (status === 'InProgress' && action.input?.actionTypeId?.category === 'Approval')
    output.line(`    waits for you: npx slipway approve ${pipelineName}/${name} --reason TEXT${dataFlag(folder)}`);
}

/** An action that runs a SageMaker pipeline is watched to that pipeline's end, step by step. */
async function followPipeline(
  connection: Connection,
  output: Output,
  action: ActionDetail,
  followed: Set<string>,
): Promise<void> {
  const arn = action.output?.executionResult?.externalExecutionId ?? '';
  if (!/:pipeline\/.+\/execution\//.test(arn) || followed.has(arn)) return;
  followed.add(arn);
  await watchExecution(connection, arn, {
    ...output,
    line: (text) => output.line(`            ${text.replaceAll('\n', '\n            ')}`),
  });
}
