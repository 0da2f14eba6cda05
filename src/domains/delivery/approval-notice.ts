import type { JsonObject } from '../../platform/json.ts';
import { newNotice, noticeKey } from '../../platform/notices.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { TimerChange, Write } from '../../platform/store/port.ts';
import { type ActionRecord, actionArn, type ExecutionDocument } from './resources.ts';

/** Where a person decides; the page asks who they are. */
const reviewLink = (serverUrl: string, execution: ExecutionDocument, action: ActionRecord): string => {
  const path = [execution.pipelineName, action.stage, action.name].map(encodeURIComponent).join('/');
  return `${serverUrl}/_slipway/ui/#/delivery/${path}/approve/${action.id}`;
};

/**
 * Tells a topic that an approval waits, in AWS's shape and with the rights of the action's role; undefined when no topic is named. The name
 * of the notice is that of the request, so that it is written once.
 */
export function approvalNotice(
  key: ResourceKey,
  execution: ExecutionDocument,
  action: ActionRecord,
  serverUrl: string,
  nowMs: number,
): { write: Write; timer: TimerChange } | undefined {
  const topic = action.configuration?.['NotificationArn'];
  if (topic === undefined || action.token === undefined) return undefined;
  const { CustomData, ExternalEntityLink } = action.configuration ?? {};
  const link = reviewLink(serverUrl, execution, action);
  const message = {
    region: key.region,
    consoleLink: `${serverUrl}/_slipway/ui/#/delivery/${encodeURIComponent(execution.pipelineName)}`,
    approval: {
      pipelineName: execution.pipelineName,
      stageName: action.stage,
      actionName: action.name,
      token: action.token,
      expires: `${new Date(action.deadlineMs).toISOString().slice(0, 16)}Z`,
      ...(ExternalEntityLink !== undefined && { externalEntityLink: ExternalEntityLink }),
      approvalReviewLink: link,
      ...(CustomData !== undefined && { customData: CustomData }),
    },
  };
  return newNotice(
    noticeKey(key, `approval/${action.id}`),
    {
      to: {
        kind: 'topic',
        arn: topic,
        subject: `APPROVAL NEEDED: AWS CodePipeline ${execution.pipelineName} for action ${action.name}`.slice(0, 99),
      },
      body: JSON.stringify(message),
      sender: action.kept?.['sender'] as JsonObject,
      about: actionArn(execution.pipelineArn, action.stage, action.name),
      attempts: 0,
    },
    nowMs,
  );
}
