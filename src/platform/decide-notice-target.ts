import type { JsonObject } from './json.ts';
import type { NoticeTarget } from './notices.ts';
import { parseArn } from './resources/arn.ts';

/** What a user says of a target besides its ARN. */
export interface Asked {
  /** Of a FIFO queue. */
  readonly group?: string;
  /** Of a SageMaker pipeline. */
  readonly parameters?: readonly { readonly Name: string; readonly Value: string }[];
  /** More members of the call that starts a pipeline of CodePipeline or a build. */
  readonly members?: (of: 'codepipeline' | 'codebuild') => JsonObject;
}

/**
 * Who gets what is sent to an ARN, of those that rules and schedules alike send to; undefined: it names none of these. What a call starts, it
 * starts once under its token.
 */
export function noticeTarget(arn: string, asked: Asked, token: string): NoticeTarget | undefined {
  const { service, resource } = parseArn(arn) ?? { service: '', resource: '' };
  switch (service) {
    case 'sqs':
      return { kind: 'queue', arn, ...(asked.group && { group: asked.group }) };
    case 'sns':
      return { kind: 'topic', arn };
    case 'lambda':
      return resource.startsWith('function:') ? { kind: 'function', arn } : undefined;
    case 'sagemaker': {
      if (!resource.startsWith('pipeline/')) return undefined;
      const PipelineParameters = asked.parameters?.map(({ Name, Value }) => ({ Name, Value }));
      const given = PipelineParameters && PipelineParameters.length > 0;
      const input = { PipelineName: arn, ClientRequestToken: token, ...(given && { PipelineParameters }) };
      return { kind: 'call', arn, operation: 'sagemaker:StartPipelineExecution', input };
    }
    case 'codepipeline': {
      const input = { ...asked.members?.(service), name: resource, clientRequestToken: token };
      return { kind: 'call', arn, operation: 'codepipeline:StartPipelineExecution', input };
    }
    case 'codebuild': {
      if (!resource.startsWith('project/')) return undefined;
      const input = { ...asked.members?.(service), projectName: resource.slice('project/'.length), idempotencyToken: token };
      return { kind: 'call', arn, operation: 'codebuild:StartBuild', input };
    }
    default:
      return undefined;
  }
}

/** How often and how long a receiver is tried again, as rules and schedules on AWS do it when nothing else is said. */
export const DEFAULT_RETRY = { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 };

export const retryOf = (policy?: Partial<typeof DEFAULT_RETRY>): { attemptsMax: number; ageSecondsMax: number } => ({
  attemptsMax: policy?.MaximumRetryAttempts ?? DEFAULT_RETRY.MaximumRetryAttempts,
  ageSecondsMax: policy?.MaximumEventAgeInSeconds ?? DEFAULT_RETRY.MaximumEventAgeInSeconds,
});
