import { sealText } from '../../../platform/authorization/signed-and-sealed.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, placeOf } from '../../../platform/resources/declaration.ts';
import { readTags } from '../../../platform/resources/change-tags.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows, readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import { checkWebhook } from '../decide-webhook.ts';
import type { DeliveryPorts } from '../ports.ts';
import { DELIVERY_WEBHOOK, pipelineArn, webhookArn, webhookKey } from '../resources.ts';
import { readPipeline } from '../rows.ts';
import { hookKey, hookUrl, type WebhookDocument, webhookItem } from '../webhook-rows.ts';
import { checkedTagList } from './tags.ts';

const HOOK_CHARS = 40;
const PAGE = 100;

/** Makes a webhook or replaces the one of its name, whose address stays. */
export const putWebhook = (ports: DeliveryPorts) =>
  operation('codepipeline:PutWebhook', {
    effect: 'change',
    // both, as on AWS: whoever puts a webhook lets others start its pipeline
    needs: ({ webhook: { name, targetPipeline } }, context) => [
      { action: 'codepipeline:PutWebhook', resources: [webhookArn(context, name), pipelineArn(context, targetPipeline)] },
    ],
    async handle({ webhook, tags = [] }, context) {
      refuse(checkWebhook(webhook));
      const arn = webhookArn(context, webhook.name);
      const tagged = checkedTagList(tags, arn);
      const { SecretToken, ...configuration } = webhook.authenticationConfiguration;
      const sealed = SecretToken === undefined ? {} : { SecretToken: sealText(ports.sealingKey, SecretToken, arn, ports.ids) };
      const newHook = ports.ids.alphanumeric(HOOK_CHARS);
      return decideAndCommit(ports.store, async () => {
        await checkTarget(ports, context, webhook.targetPipeline, webhook.targetAction);
        const key = webhookKey(context, webhook.name);
        const before = await readRow<WebhookDocument>(ports.store, key);
        const hook = before?.document.hook ?? newHook;
        const { restricted: _before, ...kept } = before?.document ?? { createdAtMs: context.nowMs };
        const document: WebhookDocument = {
          ...kept,
          definition: { ...webhook, authenticationConfiguration: { ...configuration, ...sealed } },
          arn,
          hook,
          ...(context.principal.sessionPolicy && { restricted: true }),
        };
        const times = { createdAtMs: document.createdAtMs, modifiedAtMs: context.nowMs };
        const tagRow = before ? undefined : tagsWrite(arn, tagged, context.nowMs);
        const { targetPipeline, targetAction, authentication } = webhook;
        return {
          result: {
            webhook: webhookItem(document, urlOf(ports, context, hook), await tagsOf(ports, arn, before ? undefined : tags)),
          },
          commit: {
            expect: [{ key, version: before?.version ?? 0 }],
            write: [
              writeOf(key, document, times),
              writeOf(hookKey(context, hook), { name: webhook.name }, times),
              ...(tagRow ? [tagRow] : []),
            ],
            ledger: [
              entryOf(context, context.operation, [arn], {
                target: [null, `${targetPipeline}/${targetAction}`],
                authentication: [before?.document.definition.authentication ?? null, authentication],
              }),
            ],
          },
        };
      });
    },
  });

const urlOf = ({ serverUrl }: DeliveryPorts, context: OperationContext, hook: string): string =>
  hookUrl(context.client?.endpoint ?? serverUrl(), context, hook);

async function tagsOf({ store }: DeliveryPorts, arn: string, given?: { key: string; value: string }[]) {
  return given ?? (await readTags(store, arn)).map(({ Key, Value }) => ({ key: Key, value: Value }));
}

async function checkTarget({ store }: DeliveryPorts, context: OperationContext, name: string, action: string): Promise<void> {
  const { document } = await readPipeline(store, context, name);
  if (document.declaration.stages[0]?.actions.some((one) => one.name === action)) return;
  throw new ServiceError(
    'ValidationException',
    `The pipeline ${name} has no source action ${action} for a webhook to start it at.`,
  );
}

/** What is not there is no fault, as on AWS. */
export const deleteWebhook = ({ store }: DeliveryPorts) =>
  operation('codepipeline:DeleteWebhook', {
    effect: 'change',
    needs: ({ name }, context) => [{ action: 'codepipeline:DeleteWebhook', resources: [webhookArn(context, name)] }],
    handle: ({ name }, context) =>
      decideAndCommit(store, async () => {
        const row = await readRow<WebhookDocument>(store, webhookKey(context, name));
        if (!row) return { result: {} };
        const others = await store.getMany([hookKey(context, row.document.hook), tagsKey(row.document.arn)]);
        const gone = [row, ...others.flatMap((other) => other ?? [])];
        return {
          result: {},
          commit: {
            expect: gone.map(({ key, version }) => ({ key, version })),
            remove: gone.map(({ key }) => key),
            ledger: [entryOf(context, context.operation, [row.document.arn])],
          },
        };
      }),
  });

export const listWebhooks = (ports: DeliveryPorts) =>
  operation('codepipeline:ListWebhooks', {
    effect: 'read',
    needs: (_input, context) => [{ action: 'codepipeline:ListWebhooks', resources: [webhookArn(context, '*')] }],
    async handle({ NextToken, MaxResults }, context) {
      const page = await listRows<WebhookDocument>(ports.store, {
        ...placeOf(context),
        kind: DELIVERY_WEBHOOK.kind,
        sortBy: 'name',
        order: 'ascending',
        after: decodePageToken(NextToken, 'InvalidNextTokenException'),
        limit: MaxResults ?? PAGE,
      });
      const webhooks = page.rows.map(async ({ document }) =>
        webhookItem(document, urlOf(ports, context, document.hook), await tagsOf(ports, document.arn)),
      );
      return { webhooks: await Promise.all(webhooks), ...(page.next && { NextToken: encodePageToken(page.next) }) };
    },
  });

/**
 * At AWS these tell the other host the webhook's address and take it back. Here whoever owns the repository there enters the address, since
 * no connection to it is kept; so nothing is to be done but to say whether the webhook is there.
 */
const thirdParty = (
  ports: DeliveryPorts,
  name: 'codepipeline:RegisterWebhookWithThirdParty' | 'codepipeline:DeregisterWebhookWithThirdParty',
) =>
  operation(name, {
    effect: 'read',
    needs: ({ webhookName = '' }, context) => [{ action: name, resources: [webhookArn(context, webhookName)] }],
    async handle({ webhookName = '' }, context) {
      if (await ports.store.get(webhookKey(context, webhookName))) return {};
      throw absentError(DELIVERY_WEBHOOK, context, webhookName);
    },
  });

export const registerWebhookWithThirdParty = (ports: DeliveryPorts) =>
  thirdParty(ports, 'codepipeline:RegisterWebhookWithThirdParty');
export const deregisterWebhookWithThirdParty = (ports: DeliveryPorts) =>
  thirdParty(ports, 'codepipeline:DeregisterWebhookWithThirdParty');
