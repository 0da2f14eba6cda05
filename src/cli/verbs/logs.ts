import { flattenSteps, parseDefinition } from '@slipway/sdk/definition';
import { callJson } from '../client.ts';
import type { Connection } from '../connection.ts';
import { dataFlag } from '../data-folder-option.ts';
import { hasEnded, stepsOf, type StepSummary } from '../execution-watch.ts';
import { failed, wrongUse } from '../exit.ts';
import type { Output } from '../output.ts';
import { executionArnOf } from '../references.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import { type LogEvent, logPlaceOf, LogReader } from '../step-log.ts';
import { pause } from '../wait.ts';

/** `slipway logs [-f] EXECUTION STEP`; with `-f` and `--json` one JSON line per event, since there is no end to wait for. */
export async function logs(reference: string, stepName: string, options: GlobalOptions & { follow?: boolean }): Promise<void> {
  const { connection, output, folder } = await openSession(options);
  const arn = await executionArnOf(connection, reference);
  await checkStepName(connection, arn, stepName);
  if (options.follow) return follow(connection, output, arn, stepName);
  const step = (await stepsOf(connection, arn)).find((found) => found.StepName === stepName);
  const place = step && logPlaceOf(step);
  if (!place) throw failed(noLogReason(stepName, step, `npx slipway logs -f ${reference} ${stepName}${dataFlag(folder)}`));
  const events: LogEvent[] = [];
  for await (const event of new LogReader(connection, place).read()) {
    output.line(event.message);
    events.push(event);
  }
  output.result(events);
}

async function follow(connection: Connection, output: Output, arn: string, stepName: string): Promise<void> {
  let reader: LogReader | undefined;
  for (;;) {
    // States are read before the log, so that what was logged up to an end is printed before stopping.
    const execution = await callJson(connection, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn: arn });
    const step = (await stepsOf(connection, arn)).find((found) => found.StepName === stepName);
    const place = step && logPlaceOf(step);
    if (place) reader ??= new LogReader(connection, place);
    for await (const event of reader?.read() ?? []) {
      if (output.json) process.stdout.write(`${JSON.stringify(event)}\n`);
      else output.line(event.message);
    }
    if (step?.EndTime || hasEnded(execution)) {
      if (reader) return;
      throw failed(noLogReason(stepName, step));
    }
    await pause(200);
  }
}

/** Children of a ForEach step are named after the step of its body and their item. */
const CHILD_INDEX = /-\d+$/;

/** A name that no step bears would be waited for in vain. */
async function checkStepName(connection: Connection, arn: string, stepName: string): Promise<void> {
  const { PipelineDefinition: text = '' } = await callJson(connection, 'sagemaker:DescribePipelineDefinitionForExecution', {
    PipelineExecutionArn: arn,
  });
  const { definition } = parseDefinition(text);
  const names = definition ? flattenSteps(definition).map(({ step }) => step.Name) : [];
  if (names.length === 0 || names.includes(stepName.replace(CHILD_INDEX, ''))) {
    const children = (await stepsOf(connection, arn))
      .map(({ StepName = '' }) => StepName)
      .filter((name) => !names.includes(name) && name.replace(CHILD_INDEX, '') === stepName);
    if (children.length > 0) throw wrongUse(`Step "${stepName}" runs once for each item: ${children.join(', ')}`);
  } else if (!names.includes(stepName)) {
    throw wrongUse(`This execution has no step "${stepName}". Its steps: ${names.join(', ')}`);
  }
}

function noLogReason(stepName: string, step: StepSummary | undefined, retry?: string): string {
  if (!step)
    return `Step ${stepName} has not started${retry ? `. Wait for its log: ${retry}` : ' and will not: the execution has ended.'}`;
  if (step.EndTime)
    return `Step ${stepName} ran no job and no function, so it has no log${step.FailureReason ? `: ${step.FailureReason}` : '.'}`;
  return `Step ${stepName} runs nothing that logs so far${retry ? `. Wait for its log: ${retry}` : '.'}`;
}
