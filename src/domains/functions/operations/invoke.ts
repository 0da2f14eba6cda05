import { hash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { InvocationRequest, InvocationResponse } from '../../../contract/generated/lambda.ts';
import { evaluateTrust } from '../../../platform/authorization/evaluate.ts';
import type { AuthorizationNeed, PolicyStatement } from '../../../platform/authorization/policy.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { BackendError, ServiceError } from '../../../platform/errors/families.ts';
import type { WithRequestId, WithSource } from '../../../platform/ports/invocation.ts';
import { keyOf } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import type { NamedFunction } from '../decide-names.ts';
import { cannotRun, type Outcome } from '../decide-outcome.ts';
import type { Environments } from '../environments.ts';
import { type InvocationDocument, invocationKey, invocationWrite } from '../invocations.ts';
import type { FunctionsPorts } from '../ports.ts';
import { FUNCTION, functionArn, type FunctionDocument, INVOCATION_RECONCILER, LATEST } from '../resources.ts';
import { runInEnvironment } from '../run-in-environment.ts';
import { findRunnable, namedFunction, type Runnable } from '../runnable.ts';
import { logStreamOf, type NewEnvironment } from '../start-environment.ts';

const PAYLOAD_BYTES_MAX = 6 * 1024 * 1024;
const EVENT_BYTES_MAX = 1024 * 1024;
const TAIL_BYTES = 4096;

type Input = InvocationRequest & WithRequestId;

export const invokeOperations = (ports: FunctionsPorts, environments: Environments): AnyOperation[] => [
  operation('lambda:Invoke', {
    effect: 'change',
    needs: (input, context) => invokeNeeds(ports, input, context),
    handle: (input, context) => invoke(ports, environments, input, context),
  }),
  operation('lambda:InvokeAsync', {
    effect: 'change',
    needs: (input, context) => invokeNeeds(ports, input, context),
    async handle({ FunctionName, InvokeArgs }, context) {
      const named = namedFunction(FunctionName, undefined, context);
      const payload = checkedPayload(await buffer(InvokeArgs), 'Event');
      await findRunnable(ports, context, named);
      await queueEvent(ports, named, {}, payload, context);
      return { Status: 202 };
    },
  }),
];

function allowsService(
  Statement: readonly PolicyStatement[],
  { service, arn, account }: NonNullable<WithSource['Source']>,
): boolean {
  const context = new Map([
    ['aws:sourcearn', [arn]],
    ['aws:sourceaccount', [account]],
  ]);
  return evaluateTrust({ Statement }, { action: 'lambda:InvokeFunction', caller: { service }, context }) === 'allow';
}

/** Who is named in the function's policy (AddPermission) may invoke it without a policy of their own; services too. */
async function invokeNeeds(
  { store }: FunctionsPorts,
  { FunctionName, Qualifier, Source }: Pick<InvocationRequest, 'FunctionName' | 'Qualifier'> & WithSource,
  context: OperationContext,
): Promise<AuthorizationNeed[]> {
  const { name, qualifier } = namedFunction(FunctionName, Qualifier, context);
  const row = await readRow<FunctionDocument>(store, keyOf(FUNCTION, context, name));
  const statements = row?.document.policies[qualifier ?? LATEST] ?? [];
  if (Source && statements.length > 0 && allowsService(statements, Source)) return [];
  return [
    {
      action: 'lambda:InvokeFunction',
      resources: [functionArn(context, name, qualifier)],
      ...(statements.length > 0 && { resourcePolicy: { Statement: statements } }),
    },
  ];
}

async function invoke(
  ports: FunctionsPorts,
  environments: Environments,
  input: Input,
  context: OperationContext,
): Promise<InvocationResponse> {
  const { InvocationType = 'RequestResponse' } = input;
  const named = namedFunction(input.FunctionName, input.Qualifier, context);
  if (input.DurableExecutionName !== undefined) {
    throw new ServiceError('NotImplementedException', 'Durable executions of functions are not implemented.');
  }
  const payload = checkedPayload(input.Payload, InvocationType);
  if (input.RequestId !== undefined) return recordedInvocation(ports, named, input, payload, context);
  const runnable = await findRunnable(ports, context, named);
  if (InvocationType === 'DryRun') return { StatusCode: 204 };
  if (InvocationType === 'Event') {
    await queueEvent(ports, named, input, payload, context);
    return { StatusCode: 202 };
  }
  return invokeNow(ports, environments, runnable, input, payload, context);
}

function checkedPayload(Payload: Uint8Array = new Uint8Array(0), type: string): string {
  if (Payload.byteLength > PAYLOAD_BYTES_MAX) {
    throw new ServiceError(
      'RequestTooLargeException',
      `Request must be smaller than ${PAYLOAD_BYTES_MAX} bytes for the InvokeFunction operation`,
    );
  }
  if (type === 'Event' && Payload.byteLength > EVENT_BYTES_MAX) {
    throw new ServiceError(
      'RequestTooLargeException',
      `${Payload.byteLength} byte payload is too large for the Event invocation type (limit ${EVENT_BYTES_MAX} bytes)`,
    );
  }
  const text = Buffer.from(Payload).toString('utf8');
  if (text.trim() === '') return '';
  try {
    JSON.parse(text);
  } catch (error) {
    throw new ServiceError(
      'InvalidRequestContentException',
      `Could not parse request body into json: Could not parse payload into json: ${(error as Error).message}`,
    );
  }
  return text;
}

const newInvocation = (
  { name, qualifier }: NamedFunction,
  { ClientContext }: Pick<Input, 'ClientContext'>,
  payload: string,
  requestId: string,
  nowMs: number,
): Omit<InvocationDocument, 'kind'> => ({
  requestId,
  functionName: name,
  ...(qualifier !== undefined && { qualifier }),
  payload,
  ...(ClientContext !== undefined && { clientContext: ClientContext }),
  status: 'Queued',
  failures: 0,
  queuedAtMs: nowMs,
  notBeforeMs: nowMs,
});

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Rooms have request ids of their own kind; functions see UUIDs. The same one always gives the same. */
function uuidOf(requestId: string): string {
  if (UUID.test(requestId)) return requestId;
  return hash('sha256', requestId).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
}

async function queueEvent(
  ports: FunctionsPorts,
  named: NamedFunction,
  input: Pick<Input, 'ClientContext'>,
  payload: string,
  context: OperationContext,
): Promise<void> {
  const document = newInvocation(named, input, payload, uuidOf(context.requestId), context.nowMs);
  await queue(ports, { ...document, kind: 'event' }, context);
}

/** Row and timer: from here on it is run, whatever happens to this process. The same request id again changes nothing. */
async function queue(ports: FunctionsPorts, document: InvocationDocument, context: OperationContext): Promise<void> {
  const key = invocationKey(context, document.functionName, document.requestId);
  await decideAndCommit(ports.store, async () => {
    if (await ports.store.get(key)) return { result: undefined };
    return {
      result: undefined,
      commit: {
        expect: [{ key, version: 0 }],
        write: [invocationWrite(key, document, context.nowMs)],
        timers: [{ reconciler: INVOCATION_RECONCILER, key, dueAtMs: context.nowMs }],
      },
    };
  });
}

/** A room's invocation under an id of its own: see `WithRequestId`. */
async function recordedInvocation(
  ports: FunctionsPorts,
  named: NamedFunction,
  input: Input,
  payload: string,
  context: OperationContext,
): Promise<InvocationResponse> {
  const requestId = input.RequestId ?? '';
  const row = await readRow<InvocationDocument>(ports.store, invocationKey(context, named.name, requestId));
  if (row?.document.outcome) return answerOf(row.document.outcome);
  if (row) return { StatusCode: 202 };
  if (input.Begin === false) {
    throw new ServiceError('ResourceNotFoundException', `No invocation ${requestId} of ${named.name} was begun.`, {}, 'absent');
  }
  await findRunnable(ports, context, named); // refused now rather than later
  await queue(ports, { ...newInvocation(named, input, payload, requestId, context.nowMs), kind: 'recorded' }, context);
  return { StatusCode: 202 };
}

const answerOf = ({ payload, functionError }: Outcome): InvocationResponse => ({
  StatusCode: 200,
  Payload: Buffer.from(payload),
  ...(functionError && { FunctionError: functionError }),
});

async function invokeNow(
  ports: FunctionsPorts,
  environments: Environments,
  runnable: Runnable,
  input: Input,
  payload: string,
  { requestId }: OperationContext,
): Promise<InvocationResponse> {
  const environment = await acquired(environments, runnable, requestId);
  if ('payload' in environment) return { ...answerOf(environment), ExecutedVersion: runnable.version };
  const tail = input.LogType === 'Tail';
  let reusable = false;
  try {
    const fromByte = tail ? await ports.logFiles.sizeBytes(logStreamOf(environment)) : 0;
    const result = await runInEnvironment(ports, environment, {
      requestId,
      payload,
      invokedArn: runnable.invokedArn,
      timeoutSeconds: runnable.config.Timeout,
      ...(input.ClientContext !== undefined && { clientContext: input.ClientContext }),
    });
    reusable = result.reusable;
    return {
      ...answerOf(result.outcome),
      ExecutedVersion: runnable.version,
      ...(tail && { LogResult: await logTail(ports, environment, requestId, fromByte) }),
    };
  } finally {
    environments.release(environment, reusable);
  }
}

/** A function that cannot be started for a reason of its own has failed; what may pass is told as such. */
async function acquired(environments: Environments, runnable: Runnable, requestId: string) {
  try {
    return await environments.acquire(runnable);
  } catch (error) {
    if (error instanceof BackendError && !error.retryable) return cannotRun(requestId, error.message);
    throw error;
  }
}

const TAIL_WAIT_MS = 2_000;
const TAIL_LOOK_MS = 5;

/** The last 4 KiB of what the invocation logged; its last line may still be on its way to the file. */
async function logTail(
  { logFiles, clock }: FunctionsPorts,
  environment: NewEnvironment,
  requestId: string,
  fromByte: number,
): Promise<string> {
  const stream = logStreamOf(environment);
  const untilMs = clock.now() + TAIL_WAIT_MS;
  for (;;) {
    const sizeBytes = await logFiles.sizeBytes(stream);
    // a little more than the tail: times stand before the lines
    const { events } = await logFiles.read(stream, Math.max(fromByte, sizeBytes - 4 * TAIL_BYTES), 4 * TAIL_BYTES);
    const lines = events.map(({ text }) => text);
    if (lines.some((line) => line.startsWith(`REPORT RequestId: ${requestId}`)) || clock.now() >= untilMs) {
      return Buffer.from(lines.map((line) => `${line}\n`).join(''))
        .subarray(-TAIL_BYTES)
        .toString('base64');
    }
    await new Promise<void>((resolve) => void clock.at(clock.now() + TAIL_LOOK_MS, resolve));
  }
}
