import type { InputOf } from '../../src/contract/operations.ts';
import type { AnyOperation } from '../../src/platform/calls/operation.ts';
import { ServiceError } from '../../src/platform/errors/families.ts';
import type { Named } from './stand-in-functions.ts';

export const QUEUE = 'https://sqs.us-east-1.amazonaws.com/123456789012/approvals';

/** One queue that keeps what is sent to it. */
export class StandInQueues {
  readonly messages: { token: string; pipelineExecutionArn: string; arguments: unknown; status: string }[] = [];

  operations(named: Named): AnyOperation[] {
    return [
      named('sqs:SendMessage', async ({ QueueUrl, MessageBody }: InputOf<'sqs:SendMessage'>) => {
        if (QueueUrl !== QUEUE)
          throw new ServiceError('ValidationException', 'The specified queue does not exist.', {}, 'absent');
        this.messages.push(JSON.parse(MessageBody));
        return { MessageId: String(this.messages.length) };
      }),
    ];
  }
}
