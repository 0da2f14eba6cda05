import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { requestDigest } from '../../../platform/idempotency.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { formatArn } from '../../../platform/resources/arn.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Store } from '../../../platform/store/port.ts';
import { type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { CALLBACK_ANSWERED, type CallbackDocument, callbackWrite, readCallback } from '../callbacks.ts';
import { readOutputs } from '../decide-outputs.ts';
import { type StepDocument, stepKey } from '../resources.ts';

export const sendPipelineExecutionStepSuccess = (store: Store) =>
  operation('sagemaker:SendPipelineExecutionStepSuccess', {
    effect: 'change',
    needs: (input, context) => needsOf(store, context, input.CallbackToken),
    handle: (input, context) =>
      answer(store, context, input.CallbackToken, ({ outputs }) => {
        const given = Object.fromEntries((input.OutputParameters ?? []).map(({ Name, Value }) => [Name, Value]));
        const { values, problem } = readOutputs(outputs, given);
        if (problem !== undefined)
          throw new ServiceError('ValidationException', `The output parameters do not fit the step. ${problem}`);
        return { status: 'Succeeded', values };
      }),
  });

export const sendPipelineExecutionStepFailure = (store: Store) =>
  operation('sagemaker:SendPipelineExecutionStepFailure', {
    effect: 'change',
    needs: (input, context) => needsOf(store, context, input.CallbackToken),
    handle: (input, context) =>
      answer(store, context, input.CallbackToken, () => ({
        status: 'Failed',
        ...(input.FailureReason !== undefined && { failureReason: input.FailureReason }),
      })),
  });

/** The right is asked for the pipeline that waits; for a token that nobody waits for, for any. */
async function needsOf(store: Store, context: OperationContext, token: string) {
  const known = await readCallback(store, context, token);
  const { account, region } = context;
  const any = formatArn({ service: 'sagemaker', region, account, resource: 'pipeline/*' });
  return [{ action: context.operation, resources: [known?.document.pipelineArn ?? any] }];
}

type Answer = { status: 'Succeeded'; values: JsonObject } | { status: 'Failed'; failureReason?: string };

function answer(store: Store, context: OperationContext, token: string, read: (callback: CallbackDocument) => Answer) {
  return decideAndCommit(store, async () => {
    const row = await readCallback(store, context, token);
    if (!row) throw new ServiceError('ResourceNotFound', `Callback token '${token}' does not exist.`);
    const { document } = row;
    const given = read(document);
    const digest = requestDigest(given);
    const result = { PipelineExecutionArn: document.executionArn };
    if (document.answerDigest === digest) return { result };
    const step = await waitingStep(store, context, row);
    const { account, region, nowMs } = context;
    const after: CallbackDocument = { ...document, ...given, answerDigest: digest };
    const { expect, ...written } = callbackWrite(context, after, row.version, nowMs);
    const event = {
      source: 'slipway.pipelines',
      detailType: CALLBACK_ANSWERED,
      internal: true,
      account,
      region,
      timeMs: nowMs,
      resources: [document.executionArn],
      detail: { token, status: given.status },
    };
    const changes = { [document.stepName]: ['Waiting', given.status] as const };
    return {
      result,
      commit: {
        expect: [...expect, step], // a step that ends in this moment leaves nobody to answer
        ...written,
        events: [event],
        ledger: [entryOf(context, context.operation, [document.executionArn], changes)],
      },
    };
  });
}

const ACTIVE = new Set<string | undefined>(['Starting', 'Executing', 'Stopping']);

async function waitingStep(store: Store, context: OperationContext, { document }: Read<CallbackDocument>) {
  const { token, stepName, executionArn, status } = document;
  const of = `Callback token '${token}' of step '${stepName}' of ${executionArn}`;
  if (status === 'Expired') throw new ServiceError('ValidationException', `${of} has expired; the step has failed by it.`);
  if (status !== 'Waiting') {
    const text = `${of} was already answered (${status}). A token can be answered once.`;
    throw new ServiceError('ValidationException', text);
  }
  const { account, region } = context;
  const key = stepKey({ account, region, kind: 'PipelineExecution', name: document.executionName }, stepName);
  const step = await readRow<StepDocument>(store, key);
  if (!step || !ACTIVE.has(step.document.status)) {
    const now = step ? `is in status ${step.document.status}` : 'is gone';
    throw new ServiceError('ValidationException', `${of} is not waited for any more: the step ${now}.`);
  }
  return { key, version: step.version };
}
