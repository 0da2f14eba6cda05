import { AwsError, callJson } from '../client.ts';
import type { Connection } from '../connection.ts';
import { failed } from '../exit.ts';
import { watchDelivery } from '../project/watch-delivery.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import { pause } from '../wait.ts';

/** How long what was just pushed or approved may take to start its delivery, before the newest is taken that has ended. */
const START_MS = 10_000;

/** `slipway delivery PIPELINE`: follows the newest delivery to its end; exit 1 unless it succeeds. */
export async function delivery(pipeline: string, options: GlobalOptions): Promise<void> {
  const { connection, output } = await openSession(options);
  const id = await newestDelivery(connection, pipeline);
  output.line(`delivery ${pipeline} ${id}`);
  const { status, commit, reason } = await watchDelivery(connection, output, pipeline, id);
  output.result({ pipelineName: pipeline, pipelineExecutionId: id, status, commit, reason });
  if (status !== 'Succeeded') throw failed(`delivery ${status}${reason === '' ? '' : `: ${reason}`}`);
  output.line(`delivery ${status}`);
}

/** The one in progress; when none is soon, the newest. */
async function newestDelivery(connection: Connection, pipelineName: string): Promise<string> {
  const untilMs = performance.now() + START_MS;
  for (;;) {
    const { pipelineExecutionSummaries: executions = [] } = await listExecutions(connection, pipelineName);
    const found =
      executions.find(({ status }) => status === 'InProgress') ?? (performance.now() > untilMs ? executions[0] : undefined);
    if (found?.pipelineExecutionId !== undefined) return found.pipelineExecutionId;
    if (performance.now() > untilMs)
      throw failed(`Delivery pipeline ${pipelineName} has no execution yet: push to its repository.`);
    await pause(200);
  }
}

async function listExecutions(connection: Connection, pipelineName: string) {
  try {
    return await callJson(connection, 'codepipeline:ListPipelineExecutions', { pipelineName });
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== 'PipelineNotFoundException') throw error;
    throw failed(`There is no delivery pipeline ${pipelineName}. Make one: npx slipway init DIR --template codepipeline`);
  }
}
