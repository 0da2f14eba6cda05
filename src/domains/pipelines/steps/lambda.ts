import type { InputOf, OutputOf } from '../../../contract/operations.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { INVOCATION_ENDED, type WithRequestId } from '../../../platform/ports/invocation.ts';
import { uuidOfText } from '../../../platform/uuid-of-text.ts';
import type { Json, JsonObject, WorkStep } from '../../../../sdk/definition/index.ts';
import { isJsonObject } from '../../../../sdk/definition/index.ts';
import type { Observation } from '../decide-execution.ts';
import { outputList, readOutputs } from '../decide-outputs.ts';
import type { StepKind, Work } from './step-kind.ts';
import { resolveArguments, resolveValue } from './work.ts';

/** "A Lambda step can run for at most ten minutes" (AWS's limit of the step, whatever the function's own time-out). */
const TIMEOUT_MS = 10 * 60_000;

/**
 * Has a function run without waiting for it: the invocation is recorded under a request id that belongs to this step alone, and its end is
 * told by an event. A function that runs is never stopped; a stopped execution waits for it, as on AWS.
 */
export const lambdaStep: StepKind = {
  calls: ['lambda:Invoke'],
  async start(work) {
    const Payload = Buffer.from(JSON.stringify(await resolveArguments(work, undefined)));
    const FunctionName = await functionArn(work);
    const answer = await invoke(work, { FunctionName, InvocationType: 'RequestResponse', Payload });
    return (
      observationOf(work, FunctionName, answer) ?? {
        kind: 'started',
        step: work.index,
        metadata: { Lambda: { Arn: FunctionName } },
      }
    );
  },
  look,
  async stop(work) {
    const began = await look(work).catch(ifAbsent);
    return began === 'absent' ? { kind: 'stopped', step: work.index, reason: 'The function was not invoked any more.' } : began;
  },
  deadlineMs: ({ startedAtMs }) => startedAtMs + TIMEOUT_MS,
  end: {
    detailType: INVOCATION_ENDED,
    ended: ({ detail }) => (typeof detail['requestId'] === 'string' ? [detail['requestId']] : []),
    idOf: (run, _index, jobName) => requestId(run.key.name, jobName),
  },
};

/** Looks at the invocation, also after its function was deleted. */
async function look(work: Work): Promise<Observation | undefined> {
  const FunctionName = work.document.metadata?.Lambda?.Arn ?? (await functionArn(work));
  const ended = observationOf(work, FunctionName, await invoke(work, { FunctionName, Begin: false }));
  if (ended || work.ports.clock.now() < work.document.startedAtMs + TIMEOUT_MS) return ended;
  const reason = `The function ${FunctionName} did not end within ${TIMEOUT_MS / 60_000} minutes, the most a Lambda step may take.`;
  return { kind: 'failed', step: work.index, reason };
}

function ifAbsent(error: unknown): 'absent' {
  if (error instanceof ServiceError && error.finding === 'absent') return 'absent';
  throw error;
}

async function functionArn(work: Work): Promise<string> {
  const arn = await resolveValue(work, (work.step.step as WorkStep).FunctionArn ?? null);
  if (typeof arn === 'string' && arn !== '') return arn;
  throw new ServiceError('ValidationException', `FunctionArn must be the ARN of a function, but is ${JSON.stringify(arn)}.`);
}

type Invocation = InputOf<'lambda:Invoke'> & WithRequestId;

function invoke(work: Work, input: Invocation): Promise<OutputOf<'lambda:Invoke'>> {
  const RequestId = requestId(work.run.key.name, work.document.jobName ?? '');
  return work.ports.calls.call(work.principal, work.origin, 'lambda:Invoke', { ...input, RequestId } as Invocation);
}

/** The same however often it is asked for. */
const requestId = (executionName: string, jobName: string): string => uuidOfText(`${executionName}#${jobName}`);

function observationOf(work: Work, Arn: string, answer: OutputOf<'lambda:Invoke'>): Observation | undefined {
  const { StatusCode, FunctionError, Payload } = answer;
  if (StatusCode === 202) return undefined;
  const step = work.index;
  const text = Payload === undefined ? '' : Buffer.from(Payload).toString('utf8');
  if (FunctionError !== undefined) return { kind: 'failed', step, reason: `ClientError: ${functionError(FunctionError, text)}` };
  if (work.document.status === 'Stopping') return { kind: 'stopped', step, reason: 'The execution was stopped.' };
  const declared = (work.step.step as WorkStep).OutputParameters ?? [];
  const returned = parse(text);
  if (!isJsonObject(returned) && (declared.length > 0 || returned !== null)) {
    const rule = 'The function of a Lambda step must return a JSON object';
    return { kind: 'failed', step, reason: `ClientError: ${rule}, but it returned ${shorten(text)}.` };
  }
  const { values, problem } = readOutputs(declared, isJsonObject(returned) ? returned : {});
  if (problem !== undefined) return { kind: 'failed', step, reason: `ClientError: ${problem}` };
  const metadata = { Lambda: { Arn, OutputParameters: outputList(values) } };
  return { kind: 'succeeded', step, document: { OutputParameters: values }, metadata };
}

/** What a failed function says of itself: its type of error and message, where it gives them. */
function functionError(kind: string, text: string): string {
  const answer = parse(text);
  const told = isJsonObject(answer) ? answer : ({} as JsonObject);
  const message = [told['errorType'], told['errorMessage']].filter((part) => typeof part === 'string').join(': ');
  return `The function failed (${kind}): ${message || shorten(text)}`;
}

/** Undefined when it is no JSON. */
function parse(text: string): Json | undefined {
  if (text === '') return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined; // what the function returned stands in the failure then
  }
}

const shorten = (text: string): string => (text === '' ? 'nothing' : text.length > 300 ? `${text.slice(0, 297)}...` : text);
