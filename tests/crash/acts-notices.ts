import { type Act, fact, outcomeOf } from './act.ts';
import { createQueue, deleteQueue, receiveAll } from './acts-neighbours.ts';
import { events, scheduler, sns, sqs } from './call.ts';
import type { Witness } from './witness.ts';
import { ACCOUNT, ROLE } from './workload.ts';

/** What tells queues of something: rules over events, schedules, topics. What is told may come twice, as at AWS, and never is left out. */

const arnOf = (service: string, name: string): string => `arn:aws:${service}:us-east-1:${ACCOUNT}:${name}`;
const queueArn = (name: string): string => arnOf('sqs', name);

/** A queue that everybody may send to: services have no other right. */
async function createOpenQueue(client: Witness, name: string): Promise<string> {
  const Statement = [{ Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage', Resource: queueArn(name) }];
  return createQueue(client, name, { Policy: JSON.stringify({ Version: '2012-10-17', Statement }) });
}

async function removeQueue(client: Witness, name: string, QueueUrl: string): Promise<void> {
  client.forget(`attributes of ${QueueUrl}`);
  await deleteQueue(client, name);
}

const told = new Map<string, unknown>();
const sorted = (bodies: readonly string[]): string[] => [...new Set(bodies)].sort();

/** Events of a bus of its own that a rule takes to a queue, but for those that it does not match. */
export const rules: Act = {
  name: 'rules',
  async play(client, label) {
    const QueueUrl = await createOpenQueue(client, label);
    const bus = events('DescribeEventBus', { Name: label });
    await client.change(events('CreateEventBus', { Name: label }), fact(`bus ${label}`, bus));
    const place = { EventBusName: label };
    const rule = events('DescribeRule', { ...place, Name: 'r' });
    const pattern = { source: ['acts'], detail: { n: [{ numeric: ['<', 10] }] } };
    const put = events('PutRule', { ...place, Name: 'r', EventPattern: JSON.stringify(pattern) });
    await client.change(put, fact(`rule ${label}`, rule, { State: 'ENABLED' }));
    const Targets = [{ Id: 'queue', Arn: queueArn(label), InputPath: '$.detail' }];
    const targets = events('ListTargetsByRule', { ...place, Rule: 'r' });
    await client.change(events('PutTargets', { ...place, Rule: 'r', Targets }), fact(`targets ${label}`, targets, { Targets }));
    for (const n of [1, 20, 2, 3]) {
      const Entries = [{ ...place, Source: 'acts', DetailType: 'Numbered', Detail: JSON.stringify({ n }) }];
      await client.change(events('PutEvents', { Entries }), fact(`event ${n} of ${label}`, bus));
    }
    told.set(label, sorted(await receiveAll(client, QueueUrl, 3)));
    for (const n of [1, 20, 2, 3]) client.forget(`event ${n} of ${label}`);
    const remove = events('RemoveTargets', { ...place, Rule: 'r', Ids: ['queue'] });
    await client.change(remove, fact(`targets ${label}`, targets, { Targets: [] }));
    client.forget(`targets ${label}`);
    await client.change(events('DeleteRule', { ...place, Name: 'r' }), fact(`rule ${label}`, rule, 'gone'));
    await client.change(events('DeleteEventBus', { Name: label }), fact(`bus ${label}`, bus, 'gone'));
    await removeQueue(client, label, QueueUrl);
  },
  look: async (client, label) => ({
    told: told.get(label),
    bus: await outcomeOf(client.ask(events('DescribeEventBus', { Name: label }))),
  }),
};

/** One time, after which the schedule goes away by itself; and one that is changed and deleted before its time. */
export const schedules: Act = {
  name: 'schedules',
  async play(client, label) {
    const QueueUrl = await createOpenQueue(client, label);
    const FlexibleTimeWindow = { Mode: 'OFF' };
    const at = `/schedules/${label}`;
    const group = scheduler('GET', `/schedule-groups/${label}`);
    const make = scheduler('POST', `/schedule-groups/${label}`, { ClientToken: `group-${label}` });
    await client.change(make, fact(`schedule group ${label}`, group, { State: 'ACTIVE' }));
    const Target = { Arn: queueArn(label), RoleArn: ROLE, Input: '<aws.scheduler.execution-id>' };
    const now = new Date().toISOString().slice(0, 19); // a time just gone is due
    const once = { ScheduleExpression: `at(${now})`, ActionAfterCompletion: 'DELETE', ClientToken: `once-${label}` };
    const created = scheduler('POST', at, { ...once, GroupName: label, FlexibleTimeWindow, Target });
    await client.change(created, fact(`firing of ${label}`, group));
    const other = `/schedules/${label}-later`;
    const later = { GroupName: label, FlexibleTimeWindow, Target };
    const lookAtOther = scheduler('GET', `${other}?groupName=${label}`);
    const cron = (hour: number) => ({ ScheduleExpression: `cron(0 ${hour} 1 1 ? 2199)` });
    const of = (hour: number) => fact(`schedule ${label}-later`, lookAtOther, cron(hour));
    await client.change(scheduler('POST', other, { ...later, ...cron(1), ClientToken: `later-${label}` }), of(1));
    await client.change(scheduler('PUT', other, { ...later, ...cron(2), ClientToken: `change-${label}` }), of(2));
    const remove = scheduler('DELETE', `${other}?groupName=${label}&clientToken=delete-${label}`);
    await client.change(remove, fact(`schedule ${label}-later`, lookAtOther, 'gone'));
    const firings = await receiveAll(client, QueueUrl, 1);
    await client.until(scheduler('GET', `/schedules?ScheduleGroup=${label}`), ({ json: page }) => page.Schedules.length === 0);
    // whatever came until the schedule was gone: ids of one firing
    told.set(label, sorted(firings).length);
    client.forget(`firing of ${label}`);
    client.forget(`schedule group ${label}`);
    await client.change(
      scheduler('DELETE', `/schedule-groups/${label}?clientToken=group-${label}`),
      fact(`queue ${label}`, sqs('GetQueueUrl', { QueueName: label })),
    );
    await client.untilGone(group);
    await removeQueue(client, label, QueueUrl);
  },
  look: async (client, label) => ({
    firings: told.get(label),
    schedule: await outcomeOf(client.ask(scheduler('GET', `/schedules/${label}?groupName=${label}`))),
  }),
};

/** A topic whose messages come to a queue as they were published, but for those that a filter leaves out. */
export const topic: Act = {
  name: 'topic',
  async play(client, label) {
    const QueueUrl = await createOpenQueue(client, label);
    const TopicArn = arnOf('sns', label);
    const look = sns('GetTopicAttributes', { TopicArn });
    await client.change(sns('CreateTopic', { Name: label }), fact(`topic ${label}`, look));
    const subscriptions = sns('ListSubscriptionsByTopic', { TopicArn });
    const raw = {
      ...{ 'Attributes.entry.1.key': 'RawMessageDelivery', 'Attributes.entry.1.value': 'true' },
      ...{ 'Attributes.entry.2.key': 'FilterPolicy', 'Attributes.entry.2.value': '{"n":[{"numeric":["<",10]}]}' },
      ...{ 'Attributes.entry.3.key': 'FilterPolicyScope', 'Attributes.entry.3.value': 'MessageBody' },
    };
    const subscribe = sns('Subscribe', {
      TopicArn,
      Protocol: 'sqs',
      Endpoint: queueArn(label),
      ReturnSubscriptionArn: 'true',
      ...raw,
    });
    await client.change(subscribe, fact(`subscription of ${label}`, subscriptions));
    const { text } = await client.ask(subscriptions);
    const SubscriptionArn = /<SubscriptionArn>(.*?)<\/SubscriptionArn>/.exec(text)?.[1] ?? '';
    const lookAtSubscription = sns('GetSubscriptionAttributes', { SubscriptionArn });
    for (const n of [1, 20, 2, 3]) {
      await client.change(sns('Publish', { TopicArn, Message: JSON.stringify({ n }) }), fact(`message ${n} of ${label}`, look));
    }
    told.set(label, sorted(await receiveAll(client, QueueUrl, 3)));
    for (const n of [1, 20, 2, 3]) client.forget(`message ${n} of ${label}`);
    client.forget(`subscription of ${label}`);
    const unsubscribed = fact(`subscription of ${label}`, lookAtSubscription, 'gone');
    await client.change(sns('Unsubscribe', { SubscriptionArn }), unsubscribed);
    await client.change(sns('DeleteTopic', { TopicArn }), fact(`topic ${label}`, look, 'gone'));
    await removeQueue(client, label, QueueUrl);
  },
  look: async (client, label) => ({
    told: told.get(label),
    topic: await outcomeOf(client.ask(sns('GetTopicAttributes', { TopicArn: arnOf('sns', label) }))).then(String),
  }),
};
