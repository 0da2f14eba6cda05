import type { InputOf, OperationName, OutputOf } from '../../src/contract/operations.ts';
import type { AnyOperation } from '../../src/platform/calls/operation.ts';
import { ServiceError } from '../../src/platform/errors/families.ts';
import type { EventInput } from '../../src/platform/events/event.ts';
import { INVOCATION_ENDED, type WithRequestId } from '../../src/platform/ports/invocation.ts';

export interface StandInInvocation {
  readonly functionName: string;
  readonly event: unknown;
  result?: OutputOf<'lambda:Invoke'>;
}

export type Named = (name: OperationName, handle: (input: never) => Promise<object>) => AnyOperation;

/** Functions whose invocations the test ends. */
export class StandInFunctions {
  readonly invocations = new Map<string, StandInInvocation>();

  running(): string[] {
    return [...this.invocations].filter(([, { result }]) => !result).map(([id]) => id);
  }

  /** The result of an invocation and the event that tells of it. */
  end(
    requestId: string,
    returned: string,
    FunctionError?: string,
  ): Pick<EventInput, 'source' | 'detailType' | 'detail' | 'resources'> {
    const invocation = this.invocations.get(requestId)!;
    invocation.result = {
      StatusCode: 200,
      Payload: Buffer.from(returned),
      ...(FunctionError !== undefined && { FunctionError }),
    };
    const status = FunctionError === undefined ? 'Succeeded' : 'Failed';
    return { source: 'aws.lambda', detailType: INVOCATION_ENDED, resources: [], detail: { requestId, status } };
  }

  operations(named: Named): AnyOperation[] {
    return [
      named('lambda:Invoke', async (input: InputOf<'lambda:Invoke'> & WithRequestId) => {
        const { FunctionName, Payload, RequestId = '', Begin } = input;
        const known = this.invocations.get(RequestId);
        if (known) return known.result ?? { StatusCode: 202 };
        if (Begin === false) throw new ServiceError('ResourceNotFoundException', 'No such invocation.', {}, 'absent');
        const event: unknown = JSON.parse(Buffer.from(Payload!).toString());
        this.invocations.set(RequestId, { functionName: FunctionName, event });
        return { StatusCode: 202 };
      }),
    ];
  }
}
