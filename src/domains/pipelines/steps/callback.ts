import { ServiceError } from '../../../platform/errors/families.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { WorkStep } from '../../../../sdk/definition/index.ts';
import {
  CALLBACK_ANSWERED,
  CALLBACK_TIMEOUT_MS,
  type CallbackDocument,
  callbackToken,
  callbackWrite,
  readCallback,
} from '../callbacks.ts';
import type { Observation } from '../decide-execution.ts';
import { outputList } from '../decide-outputs.ts';
import type { StepKind, Work } from './step-kind.ts';
import { call, resolveArguments, resolveValue } from './work.ts';

/**
 * Sends a message with a token to a queue and waits until somebody answers it. The token is written before the message is sent, so an answer
 * is never too early; a server that dies in between sends the message again, which queues may do anyway.
 */
export const callbackStep: StepKind = {
  calls: ['sqs:SendMessage'],
  async start(work) {
    const SqsQueueUrl = await queueUrl(work);
    const known = await openCallback(work);
    const ended = observationOf(work, known);
    if (ended) return ended;
    await send(work, 'Executing');
    const metadata = { Callback: { CallbackToken: known.token, SqsQueueUrl } };
    return { kind: 'started', step: work.index, metadata };
  },
  async look(work) {
    const { clock } = work.ports;
    const isOver = clock.now() >= work.document.startedAtMs + CALLBACK_TIMEOUT_MS;
    const document = await change(work, (before) =>
      isOver && before.status === 'Waiting' ? { ...before, status: 'Expired' } : before,
    );
    return document && observationOf(work, document);
  },
  /** Who holds the token is told; the step ends when they answer. */
  async stop(work) {
    const document = await change(work, (before) => before);
    if (!document) return { kind: 'stopped', step: work.index, reason: 'The execution was stopped before the message was sent.' };
    if (document.status !== 'Waiting') return observationOf(work, document);
    if (document.toldToStop) return undefined;
    await send(work, 'Stopping');
    await change(work, (before) => ({ ...before, toldToStop: true }));
    return undefined;
  },
  deadlineMs: ({ startedAtMs }) => startedAtMs + CALLBACK_TIMEOUT_MS,
  end: {
    detailType: CALLBACK_ANSWERED,
    ended: ({ detail }) => (typeof detail['token'] === 'string' ? [detail['token']] : []),
    idOf: (run, _index, jobName) => callbackToken(run.key.name, jobName),
  },
};

const tokenOf = ({ run, document }: Work): string => callbackToken(run.key.name, document.jobName ?? '');

async function queueUrl(work: Work): Promise<string> {
  const url = await resolveValue(work, (work.step.step as WorkStep).SqsQueueUrl ?? null);
  if (typeof url === 'string' && url !== '') return url;
  throw new ServiceError('ValidationException', `SqsQueueUrl must be the URL of a queue, but is ${JSON.stringify(url)}.`);
}

/** The callback of this step, made if it is not there. */
function openCallback(work: Work): Promise<CallbackDocument> {
  const { run, ports, step } = work;
  return decideAndCommit(ports.store, async () => {
    const token = tokenOf(work);
    const known = await readCallback(ports.store, run.key, token);
    if (known) return { result: known.document };
    const nowMs = ports.clock.now();
    const document: CallbackDocument = {
      token,
      executionName: run.key.name,
      executionArn: run.execution.arn,
      pipelineArn: run.execution.pipelineArn,
      stepName: step.name,
      outputs: [...((step.step as WorkStep).OutputParameters ?? [])],
      status: 'Waiting',
      createdAtMs: nowMs,
    };
    return { result: document, commit: callbackWrite(run.key, document, 0, nowMs) };
  });
}

/** Undefined when the callback was never made. */
function change(work: Work, next: (before: CallbackDocument) => CallbackDocument): Promise<CallbackDocument | undefined> {
  const { run, ports } = work;
  return decideAndCommit(ports.store, async () => {
    const row = await readCallback(ports.store, run.key, tokenOf(work));
    const document = row && next(row.document);
    if (!row || document === row.document) return { result: document };
    return { result: document, commit: callbackWrite(run.key, document as CallbackDocument, row.version, ports.clock.now()) };
  });
}

async function send(work: Work, status: 'Executing' | 'Stopping'): Promise<void> {
  const token = tokenOf(work);
  const QueueUrl = await queueUrl(work);
  const MessageBody = JSON.stringify({
    token,
    pipelineExecutionArn: work.run.execution.arn,
    arguments: await resolveArguments(work, undefined),
    status,
  });
  const isFifo = QueueUrl.endsWith('.fifo');
  const order = { MessageGroupId: work.run.execution.executionId, MessageDeduplicationId: `${token}-${status}` };
  await call(work, 'sqs:SendMessage', { QueueUrl, MessageBody, ...(isFifo && order) });
}

function observationOf(work: Work, document: CallbackDocument): Observation | undefined {
  const step = work.index;
  if (document.status === 'Waiting') return undefined;
  if (document.status === 'Expired') {
    const days = CALLBACK_TIMEOUT_MS / (24 * 3600 * 1000);
    return { kind: 'failed', step, reason: `ClientError: The callback token was not answered within ${days} days.` };
  }
  if (work.document.status === 'Stopping') return { kind: 'stopped', step, reason: 'The execution was stopped.' };
  if (document.status === 'Failed') {
    const reason = document.failureReason ?? 'The callback step was answered with a failure, without a reason.';
    return { kind: 'failed', step, reason: `ClientError: ${reason}` };
  }
  const values = document.values ?? {};
  const { SqsQueueUrl } = work.document.metadata?.Callback ?? {};
  const metadata = {
    Callback: {
      CallbackToken: document.token,
      ...(SqsQueueUrl !== undefined && { SqsQueueUrl }),
      OutputParameters: outputList(values as never),
    },
  };
  return { kind: 'succeeded', step, document: { OutputParameters: values }, metadata };
}
