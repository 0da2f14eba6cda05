import type { Client, Memory } from './memory.ts';

/** So many looks into an empty queue, one after the other, and somebody wonders. */
const PATIENCE = 50;

/**
 * A queue keeps messages for four days. Where it gives nothing any more though steps wait, a person looks for their tokens in the list of
 * steps: nobody else will ever answer. What the message said is lost with it, so it is given up by a failure.
 */
export class ExpiredMessages {
  #looks = 0;
  readonly #pipelines: readonly string[];

  constructor(pipelines: readonly string[]) {
    this.#pipelines = pipelines;
  }

  /** After each look into the queue. */
  async looked(memory: Memory, client: Client, QueueUrl: string, messages: number): Promise<void> {
    this.#looks = messages > 0 ? 0 : this.#looks + 1;
    if (this.#looks < PATIENCE) return;
    this.#looks = 0;
    const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
    const { output } = await memory.ask(client, 'sqs:GetQueueAttributes', () => ({
      QueueUrl,
      AttributeNames: [...AttributeNames],
    }));
    if (!output || AttributeNames.some((name) => output.Attributes?.[name] !== '0')) return;
    for (const pipeline of this.#pipelines) await this.#answerStepsOf(memory, client, pipeline);
  }

  async #answerStepsOf(memory: Memory, client: Client, PipelineName: string): Promise<void> {
    const { output } = await memory.ask(client, 'sagemaker:ListPipelineExecutions', () => ({ PipelineName, MaxResults: 100 }));
    for (const { PipelineExecutionArn = '', PipelineExecutionStatus = '' } of output?.PipelineExecutionSummaries ?? []) {
      if (PipelineExecutionStatus !== 'Executing' && PipelineExecutionStatus !== 'Stopping') continue;
      const steps = await memory.ask(client, 'sagemaker:ListPipelineExecutionSteps', () => ({ PipelineExecutionArn }));
      for (const { StepName = '', StepStatus = '', Metadata } of steps.output?.PipelineExecutionSteps ?? []) {
        const CallbackToken = Metadata?.Callback?.CallbackToken;
        if (CallbackToken === undefined || !['Executing', 'Stopping'].includes(StepStatus)) continue;
        memory.executions.get(PipelineExecutionArn)?.disturbed.add(StepName);
        const failure = () => ({ CallbackToken, FailureReason: 'the message is gone' });
        await memory.ask(client, 'sagemaker:SendPipelineExecutionStepFailure', failure);
      }
    }
  }
}
