import type { DestinationConfig, FunctionEventInvokeConfig } from '../../../contract/generated/lambda.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { Json } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { EVENT_AGE_SECONDS_MAX, RETRIES_MAX, targetKind } from '../decide-event.ts';
import type { NamedFunction } from '../decide-names.ts';
import type { Environments } from '../environments.ts';
import type { FunctionsPorts } from '../ports.ts';
import { type EventConfig, functionArn, type FunctionDocument, LATEST } from '../resources.ts';
import { functionWrite } from '../revisions.ts';
import { findVersion, functionNeed, namedFunction, readFunction } from '../runnable.ts';

/** How a function is invoked: how often at a time, and what becomes of asynchronous invocations. */
export const invocationSettingOperations = (ports: FunctionsPorts, environments: Environments): AnyOperation[] => [
  ...concurrencyOperations(ports, environments),
  ...eventConfigOperations(ports),
];

function concurrencyOperations(ports: FunctionsPorts, environments: Environments): AnyOperation[] {
  const change = async (context: OperationContext, name: string, reserved: number | undefined) => {
    await changeFunction(ports, context, { name }, 'ReservedConcurrentExecutions', ({ reservedConcurrency: _old, ...rest }) =>
      reserved === undefined ? rest : { ...rest, reservedConcurrency: reserved },
    );
    environments.serveAll();
  };
  return [
    operation('lambda:PutFunctionConcurrency', {
      effect: 'change',
      needs: functionNeed('lambda:PutFunctionConcurrency'),
      async handle({ FunctionName, ReservedConcurrentExecutions }, context) {
        await change(context, namedFunction(FunctionName, undefined, context).name, ReservedConcurrentExecutions);
        return { ReservedConcurrentExecutions };
      },
    }),
    operation('lambda:GetFunctionConcurrency', {
      effect: 'read',
      needs: functionNeed('lambda:GetFunctionConcurrency'),
      async handle({ FunctionName }, context) {
        const { name } = namedFunction(FunctionName, undefined, context);
        const { reservedConcurrency } = (await readFunction(ports.store, context, name)).document;
        return reservedConcurrency === undefined ? {} : { ReservedConcurrentExecutions: reservedConcurrency };
      },
    }),
    operation('lambda:DeleteFunctionConcurrency', {
      effect: 'change',
      needs: functionNeed('lambda:DeleteFunctionConcurrency'),
      async handle({ FunctionName }, context) {
        await change(context, namedFunction(FunctionName, undefined, context).name, undefined);
        return {};
      },
    }),
  ];
}

interface EventConfigInput {
  readonly FunctionName: string;
  readonly Qualifier?: string;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumEventAgeInSeconds?: number;
  readonly DestinationConfig?: DestinationConfig;
}

function eventConfigOperations(ports: FunctionsPorts): AnyOperation[] {
  const put = async (input: EventConfigInput, context: OperationContext, keep: boolean) => {
    const named = namedFunction(input.FunctionName, input.Qualifier, context);
    checkDestinations(input.DestinationConfig);
    const qualifier = named.qualifier ?? LATEST;
    const after = await changeFunction(ports, context, named, 'EventInvokeConfig', (before) => ({
      ...before,
      eventConfigs: {
        ...before.eventConfigs,
        [qualifier]: { ...(keep && before.eventConfigs?.[qualifier]), ...eventConfigOf(input), modifiedAtMs: context.nowMs },
      },
    }));
    return answerOf(context, named, after.eventConfigs?.[qualifier]);
  };
  return [
    operation('lambda:PutFunctionEventInvokeConfig', {
      effect: 'change',
      needs: functionNeed('lambda:PutFunctionEventInvokeConfig'),
      handle: (input, context) => put(input, context, false),
    }),
    operation('lambda:UpdateFunctionEventInvokeConfig', {
      effect: 'change',
      needs: functionNeed('lambda:UpdateFunctionEventInvokeConfig'),
      handle: (input, context) => put(input, context, true),
    }),
    operation('lambda:GetFunctionEventInvokeConfig', {
      effect: 'read',
      needs: functionNeed('lambda:GetFunctionEventInvokeConfig'),
      async handle(input, context) {
        const named = namedFunction(input.FunctionName, input.Qualifier, context);
        const { document } = await readFunction(ports.store, context, named.name);
        return answerOf(context, named, document.eventConfigs?.[named.qualifier ?? LATEST]);
      },
    }),
    operation('lambda:ListFunctionEventInvokeConfigs', {
      effect: 'read',
      needs: functionNeed('lambda:ListFunctionEventInvokeConfigs'),
      async handle(input, context) {
        const { name } = namedFunction(input.FunctionName, undefined, context);
        const { document } = await readFunction(ports.store, context, name);
        const configs = Object.entries(document.eventConfigs ?? {});
        return {
          FunctionEventInvokeConfigs: configs.map(([qualifier, config]) => answerOf(context, { name, qualifier }, config)),
        };
      },
    }),
    operation('lambda:DeleteFunctionEventInvokeConfig', {
      effect: 'change',
      needs: functionNeed('lambda:DeleteFunctionEventInvokeConfig'),
      async handle(input, context) {
        const named = namedFunction(input.FunctionName, input.Qualifier, context);
        const qualifier = named.qualifier ?? LATEST;
        const { document } = await readFunction(ports.store, context, named.name);
        answerOf(context, named, document.eventConfigs?.[qualifier]); // absent: refused
        await changeFunction(ports, context, named, 'EventInvokeConfig', (before) => {
          const { [qualifier]: _gone, ...eventConfigs } = before.eventConfigs ?? {};
          return { ...before, eventConfigs };
        });
        return {};
      },
    }),
  ];
}

function checkDestinations(config: DestinationConfig | undefined): void {
  for (const arn of [config?.OnSuccess?.Destination, config?.OnFailure?.Destination]) {
    if (!arn || targetKind(arn)) continue;
    throw new ServiceError('NotImplementedException', `The destination ${arn} is not implemented: name a queue or a function.`);
  }
}

const eventConfigOf = (input: EventConfigInput): Omit<EventConfig, 'modifiedAtMs'> => ({
  ...(input.MaximumRetryAttempts !== undefined && { MaximumRetryAttempts: input.MaximumRetryAttempts }),
  ...(input.MaximumEventAgeInSeconds !== undefined && { MaximumEventAgeInSeconds: input.MaximumEventAgeInSeconds }),
  ...(input.DestinationConfig && { DestinationConfig: input.DestinationConfig }),
});

function answerOf(context: OperationContext, named: NamedFunction, config: EventConfig | undefined): FunctionEventInvokeConfig {
  const FunctionArn = functionArn(context, named.name, named.qualifier ?? LATEST);
  if (!config) {
    throw new ServiceError('ResourceNotFoundException', `The function ${FunctionArn} doesn't have an EventInvokeConfig`);
  }
  const { modifiedAtMs, ...told } = config;
  return {
    FunctionArn,
    LastModified: modifiedAtMs,
    MaximumRetryAttempts: RETRIES_MAX,
    MaximumEventAgeInSeconds: EVENT_AGE_SECONDS_MAX,
    DestinationConfig: { OnSuccess: {}, OnFailure: {} },
    ...told,
  };
}

async function changeFunction(
  ports: FunctionsPorts,
  context: OperationContext,
  named: NamedFunction,
  member: 'ReservedConcurrentExecutions' | 'EventInvokeConfig',
  changed: (before: FunctionDocument) => FunctionDocument,
): Promise<FunctionDocument> {
  const told = ({ reservedConcurrency, eventConfigs }: FunctionDocument): Json =>
    member === 'EventInvokeConfig' ? ((eventConfigs ?? {}) as unknown as Json) : (reservedConcurrency ?? null);
  return decideAndCommit(ports.store, async () => {
    const { row } = await findVersion(ports.store, context, named);
    const after = changed(row.document);
    const arn = functionArn(context, named.name, named.qualifier);
    return {
      result: after,
      commit: {
        expect: [{ key: row.key, version: row.version }],
        write: [functionWrite(row.key, after, context.nowMs)],
        ledger: [entryOf(context, context.operation, [arn], { [member]: [told(row.document), told(after)] })],
      },
    };
  });
}
