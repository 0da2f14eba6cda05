import type { ListWebhookItem, WebhookDefinition } from '../../contract/generated/codepipeline.ts';
import { openText } from '../../platform/authorization/signed-and-sealed.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Place } from '../../platform/resources/declaration.ts';

export type WebhookDocument = {
  /** Its secret is sealed, bound to the webhook's ARN. */
  definition: WebhookDefinition;
  arn: string;
  /** The last part of its address; nobody guesses it. */
  hook: string;
  /** Put by code in a job: what it starts has no more rights than the job. */
  restricted?: boolean;
  createdAtMs: number;
  lastTriggeredAtMs?: number;
};

/** By the last part of an address: which webhook it is. */
export type HookDocument = { name: string };

export const HOOKS_PATH = '/_slipway/hooks/codepipeline/';

export const hookKey = ({ account, region }: Place, hook: string): ResourceKey => ({
  account,
  region,
  kind: 'CodePipelineHook',
  name: hook,
});

export const hookUrl = (serverUrl: string, { account, region }: Place, hook: string): string =>
  `${serverUrl}${HOOKS_PATH}${account}/${region}/${hook}`;

/** As it is shown: never with its secret. */
export function webhookItem(document: WebhookDocument, url: string, tags: { key: string; value: string }[]): ListWebhookItem {
  const { definition, arn, lastTriggeredAtMs } = document;
  const { SecretToken, ...configuration } = definition.authenticationConfiguration;
  return {
    definition: {
      ...definition,
      authenticationConfiguration: { ...configuration, ...(SecretToken !== undefined && { SecretToken: '****' }) },
    },
    url,
    arn,
    ...(lastTriggeredAtMs !== undefined && { lastTriggered: lastTriggeredAtMs }),
    tags,
  };
}

export const secretOf = (sealingKey: string, { definition, arn }: WebhookDocument): string | undefined => {
  const { SecretToken } = definition.authenticationConfiguration;
  return SecretToken === undefined ? undefined : openText(sealingKey, SecretToken, arn);
};
