import { type Check, shown, textOf, type Watched } from './check.ts';
import { executionOf } from './execution-steps.ts';
import { transitionOf } from './statuses.ts';

const ANSWERS: { readonly [operation: string]: 'Succeeded' | 'Failed' } = {
  'sagemaker:SendPipelineExecutionStepSuccess': 'Succeeded',
  'sagemaker:SendPipelineExecutionStepFailure': 'Failed',
};

/** A Callback step ends as its answer says, once somebody was told that the answer was taken. */
export function checkCallbacksAnsweredOnce({ disk }: Watched): Check {
  const taken = new Map<string, 'Succeeded' | 'Failed'>();
  const ended = new Map<string, string>();
  const problemOf = (token: string): string[] => {
    const [answer, status] = [taken.get(token), ended.get(token)];
    // the end of the wait is all that an answer is to a step that is being stopped
    return answer === undefined || status === undefined || status === answer || status === 'Stopped'
      ? []
      : [`the callback ${token} was answered with ${answer}, its step is ${status}`];
  };
  return {
    promise: 'a callback token is answered once, and its step ends as that answer says',
    onCommit: ({ changes }) =>
      changes.flatMap((change) => {
        const transition = transitionOf(change);
        const token = textOf(change.after?.document, 'metadata', 'Callback', 'CallbackToken');
        if (transition?.kind !== 'PipelineExecutionStep' || token === undefined || !transition.rules.settled.has(transition.to))
          return [];
        const stops = textOf(executionOf(disk, change.key)?.document, 'status') !== 'Executing';
        ended.set(token, transition.to === 'Stopped' && stops ? 'Stopped' : transition.to);
        return problemOf(token).map((problem) => `${problem} (${shown(change.key)})`);
      }),
    onAnswer({ operation, input }) {
      const [answer, token] = [ANSWERS[operation], textOf(input, 'CallbackToken')];
      if (answer === undefined || token === undefined) return [];
      const before = taken.get(token);
      taken.set(token, answer);
      return before !== undefined && before !== answer
        ? [`the callback ${token} was answered with ${before}, and then with ${answer}`]
        : problemOf(token);
    },
  };
}
