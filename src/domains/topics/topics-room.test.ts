import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createVerify, X509Certificate } from 'node:crypto';
import { ACCOUNT, REGION, type RoomCall, withRoom } from '../../platform/calls/room-rig.ts';
import type { OperationName } from '../../contract/operations.ts';
import type { AuthorizationNeed } from '../../platform/authorization/policy.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { systemIds } from '../../platform/ids.ts';
import { NOTICE, type NoticeDocument } from '../../platform/notices.ts';
import { createMessageSigner } from '../../platform/outgoing/message-signer.ts';
import { createOutgoingHttp } from '../../platform/outgoing/outgoing-http-client.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { Store } from '../../platform/store/port.ts';
import { listRows } from '../../platform/store/typed-rows.ts';
import { stringToSign, type Unsigned } from './decide-envelope.ts';
import { linkOrigin } from './links.ts';
import { createTopicsRoom } from './room.ts';

const keys = mkdtempSync(join(tmpdir(), 'slipway-topics-'));
process.on('exit', () => rmSync(keys, { recursive: true }));
const signer = createMessageSigner(join(keys, 'messages.pem'));
const OWN_PORT = 7600;
const queue = `arn:aws:sqs:${REGION}:${ACCOUNT}:inbox`;
const fn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:hear`;

interface Setting {
  readonly call: RoomCall;
  readonly store: Store;
  readonly route: WebRoute;
  /** What the caller of an operation would have to be allowed. */
  needs(name: OperationName, input: object): Promise<readonly AuthorizationNeed[]>;
  /** What waits to be handed over, in order of name; the room `notices` is not here. */
  notices(): Promise<NoticeDocument[]>;
  settle(): Promise<void>;
  advance(byMs: number): void;
}

const withTopics = (run: (setting: Setting) => Promise<void>): Promise<void> =>
  withRoom(
    ({ store, clock }) => {
      const room = createTopicsRoom({
        store,
        clock,
        ids: systemIds,
        signer,
        sealingKey: '5a'.repeat(32),
        outgoing: createOutgoingHttp({ rules: { deny: [], allow: [] }, ownPorts: () => [OWN_PORT] }),
        mail: { from: 'slipway@example.com', send: async () => {} },
        serverUrl: () => `http://127.0.0.1:${OWN_PORT}`,
      });
      // stands in for the room that sends, so that what it would get stays to be looked at
      return { ...room, reconcilers: [...(room.reconcilers ?? []), { name: NOTICE, reconcile: async () => {} }] };
    },
    ({ room, call, store, clock, settle }) =>
      run({
        call,
        store,
        route: room.route,
        settle,
        needs: async (name, input) => {
          const context = {
            operation: name,
            account: ACCOUNT,
            region: REGION,
            requestId: 'r',
            nowMs: clock.now(),
          } as OperationContext;
          return (await room.operations.find((one) => one.name === name)?.needs(input, context)) ?? [];
        },
        advance: (byMs) => clock.advance(byMs),
        async notices() {
          await settle();
          const page = {
            account: ACCOUNT,
            region: REGION,
            kind: 'Notice',
            sortBy: 'name',
            order: 'ascending',
            limit: 1000,
          } as const;
          return (await listRows<NoticeDocument>(store, page)).rows.map(({ document }) => document);
        },
      }),
  );

const code =
  (wanted: string, message = /./) =>
  (error: unknown) =>
    error instanceof ServiceError && error.code === wanted && message.test(error.message);

async function topic(call: RoomCall, name = 'news'): Promise<string> {
  const { TopicArn = '' } = await call('sns:CreateTopic', { Name: name });
  return TopicArn;
}

async function withPages(route: WebRoute, run: (url: string) => Promise<void>): Promise<void> {
  const server: Server = createServer((request, response) => {
    void route.handle(request, response, new URL(request.url ?? '/', 'http://slipway.invalid'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a topic is made once, shows its attributes and goes with its subscriptions', () =>
  withTopics(async ({ call, settle }) => {
    const TopicArn = await topic(call);
    assert.equal(TopicArn, `arn:aws:sns:${REGION}:${ACCOUNT}:news`);
    assert.equal(await topic(call), TopicArn);
    await assert.rejects(
      call('sns:CreateTopic', { Name: 'news', Attributes: { DisplayName: 'x' } }),
      code('InvalidParameter', /different attributes/),
    );
    await assert.rejects(call('sns:CreateTopic', { Name: 'a.fifo' }), code('NotImplementedException'));
    await assert.rejects(call('sns:CreateTopic', { Name: 'a b' }), code('InvalidParameter'));
    await call('sns:SetTopicAttributes', { TopicArn, AttributeName: 'DisplayName', AttributeValue: 'News' });
    const { SubscriptionArn = '' } = await call('sns:Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue });
    const shown = (await call('sns:GetTopicAttributes', { TopicArn })).Attributes;
    assert.deepEqual([shown?.['DisplayName'], shown?.['SubscriptionsConfirmed'], shown?.['Owner']], ['News', '1', ACCOUNT]);
    await call('sns:DeleteTopic', { TopicArn });
    await call('sns:DeleteTopic', { TopicArn });
    await assert.rejects(call('sns:GetTopicAttributes', { TopicArn }), code('NotFound'));
    await topic(call);
    await assert.rejects(
      call('sns:GetSubscriptionAttributes', { SubscriptionArn }),
      code('NotFound'),
      'made anew, it is another',
    );
    await settle();
    assert.deepEqual((await call('sns:ListSubscriptions', {})).Subscriptions, []);
  }));

test('a message reaches every subscription that wants it: queue, raw queue, function', () =>
  withTopics(async ({ call, notices }) => {
    const TopicArn = await topic(call);
    const subscribe = (Protocol: string, Endpoint: string, Attributes = {}) =>
      call('sns:Subscribe', { TopicArn, Protocol, Endpoint, Attributes });
    await subscribe('sqs', queue, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: `${queue}-dead` }) });
    await subscribe('sqs', `${queue}-raw`, { RawMessageDelivery: 'true' });
    await subscribe('lambda', fn);
    await subscribe('sqs', `${queue}-cold`, { FilterPolicy: '{"kind":["cold"]}' });
    await subscribe('sqs', `${queue}-body`, {
      FilterPolicy: '{"a":{"b":[{"numeric":[">",1]}]}}',
      FilterPolicyScope: 'MessageBody',
    });
    const MessageAttributes = { kind: { DataType: 'String', StringValue: 'warm' }, n: { DataType: 'Number', StringValue: '5' } };
    const { MessageId } = await call('sns:Publish', {
      TopicArn,
      Message: '{"a":{"b":2}}',
      Subject: 'hot',
      MessageGroupId: 'g',
      MessageAttributes,
    });
    const sent = await notices();
    assert.deepEqual(sent.map(({ to }) => to.arn).toSorted(), [fn, queue, `${queue}-body`, `${queue}-raw`].toSorted());
    const plain = sent.find(({ to }) => to.arn === queue);
    const json = JSON.parse(plain?.body ?? '');
    assert.deepEqual(
      [json.Type, json.MessageId, json.Subject, json.Message, json.MessageAttributes.n],
      ['Notification', MessageId, 'hot', '{"a":{"b":2}}', { Type: 'Number', Value: '5' }],
    );
    assert.equal(plain?.deadLetter?.arn, `${queue}-dead`);
    const raw = sent.find(({ to }) => to.arn === `${queue}-raw`);
    assert.equal(raw?.body, '{"a":{"b":2}}');
    assert.deepEqual(raw?.to.kind === 'queue' && raw.to.attributes?.['n'], { type: 'Number', value: '5' });
    assert.deepEqual(
      sent.map(({ to }) => (to.kind === 'queue' ? to.group : undefined)),
      sent.map(({ to }) => (to.kind === 'queue' ? 'g' : undefined)),
      'of its group know queues',
    );
    const event = JSON.parse(sent.find(({ to }) => to.arn === fn)?.body ?? '').Records[0];
    assert.deepEqual([event.EventSource, event.Sns.Message], ['aws:sns', '{"a":{"b":2}}']);
  }));

test('a message of more subscriptions than a page holds reaches each once', () =>
  withTopics(async ({ call, notices }) => {
    const TopicArn = await topic(call);
    const names = Array.from({ length: 120 }, (_, at) => `${queue}-${at}`);
    for (const Endpoint of names) await call('sns:Subscribe', { TopicArn, Protocol: 'sqs', Endpoint });
    await call('sns:Publish', { TopicArn, Message: 'm' });
    assert.deepEqual((await notices()).map(({ to }) => to.arn).toSorted(), names.toSorted());
  }));

test('a URL confirms by its token; lists and answers never tell the token; signatures hold', () =>
  withTopics(async ({ call, notices, route }) => {
    const TopicArn = await topic(call);
    const Endpoint = 'http://hooks.example.com/in';
    const pending = await call('sns:Subscribe', { TopicArn, Protocol: 'http', Endpoint });
    assert.equal(pending.SubscriptionArn, 'pending confirmation');
    const [asked] = await notices();
    const confirmation = JSON.parse(asked?.body ?? '');
    assert.equal(asked?.to.kind === 'http' && asked.to.headers['x-amz-sns-message-type'], 'SubscriptionConfirmation');
    const lists = JSON.stringify([
      await call('sns:ListSubscriptions', {}),
      await call('sns:ListSubscriptionsByTopic', { TopicArn }),
      await call('sns:GetTopicAttributes', { TopicArn }),
    ]);
    assert.ok(lists.includes('PendingConfirmation') && !lists.includes(confirmation.Token));
    await call('sns:Publish', { TopicArn, Message: 'too early' });
    assert.equal((await notices()).length, 1);
    await assert.rejects(
      call('sns:ConfirmSubscription', { TopicArn, Token: 'f'.repeat(128) }),
      code('InvalidParameter', /Token/),
    );
    const certificate = new X509Certificate(await signer.certificate());
    const holds = (json: Unsigned & { Signature: string }, algorithm: string) =>
      createVerify(algorithm).update(stringToSign(json)).verify(certificate.publicKey, json.Signature, 'base64');
    assert.ok(holds(confirmation, 'sha1'));
    await withPages(route, async (url) => {
      const link = new URL(confirmation.SubscribeURL);
      const answer = await (await fetch(`${url}${link.pathname}${link.search}`)).text();
      const [, SubscriptionArn = ''] = /<SubscriptionArn>(.*)<\/SubscriptionArn>/.exec(answer) ?? [];
      const shown = (await call('sns:GetSubscriptionAttributes', { SubscriptionArn })).Attributes;
      assert.deepEqual([shown?.['PendingConfirmation'], shown?.['ConfirmationWasAuthenticated']], ['false', 'false']);
      assert.equal(
        await (await fetch(`${url}${new URL(confirmation.SigningCertURL).pathname}`)).text(),
        await signer.certificate(),
      );
      await call('sns:SetTopicAttributes', { TopicArn, AttributeName: 'SignatureVersion', AttributeValue: '2' });
      await call('sns:Publish', { TopicArn, Message: 'now' });
      const sent = (await notices()).find(({ body }) => body.includes('"now"'));
      const message = JSON.parse(sent?.body ?? '');
      assert.ok(message.SignatureVersion === '2' && holds(message, 'sha256'));
      const forged = new URL(message.UnsubscribeURL);
      forged.searchParams.set('Seal', '0'.repeat(40));
      const path = (of: URL) => `${url}${of.pathname}${of.search}`;
      assert.equal((await fetch(path(forged), { method: 'POST' })).status, 404);
      const unsubscribe = path(new URL(message.UnsubscribeURL));
      assert.match(await (await fetch(unsubscribe)).text(), /<button/);
      await call('sns:GetSubscriptionAttributes', { SubscriptionArn });
      assert.equal((await fetch(unsubscribe, { method: 'POST' })).status, 200);
      await assert.rejects(call('sns:GetSubscriptionAttributes', { SubscriptionArn }), code('NotFound'));
    });
  }));

test('the link of a mail shows a page, and only its button confirms', () =>
  withTopics(async ({ call, notices, route }) => {
    const TopicArn = await topic(call);
    await call('sns:Subscribe', { TopicArn, Protocol: 'email', Endpoint: 'ann@example.com' });
    const [mail] = await notices();
    assert.ok(mail?.to.kind === 'mail' && mail.to.address === 'ann@example.com');
    const link = new URL(/http\S+/.exec(mail.body.split('button there')[1] ?? '')?.[0] ?? '');
    const confirmed = async () => (await call('sns:GetTopicAttributes', { TopicArn })).Attributes?.['SubscriptionsConfirmed'];
    await withPages(route, async (url) => {
      assert.match(await (await fetch(`${url}${link.pathname}${link.search}`)).text(), /<button/);
      assert.equal(await confirmed(), '0');
      assert.equal((await fetch(`${url}${link.pathname}${link.search}`, { method: 'POST' })).status, 200);
      assert.equal(await confirmed(), '1');
    });
  }));

test('links lead to where this server serves pages, whatever Host the subscriber named', () => {
  const own = 'http://127.0.0.1:7600';
  assert.equal(linkOrigin('http://localhost:7601', own), 'http://localhost:7601');
  assert.equal(linkOrigin('http://box.example.com:7600', 'http://box.example.com:7600'), 'http://box.example.com:7600');
  for (const foreign of ['http://evil.example.com', 'http://localhost@evil.example.com', 'http://', undefined]) {
    assert.equal(linkOrigin(foreign, own), own);
  }
});

test('who names a queue for dead letters must be allowed to write to it: they go with the rights of whoever subscribed', () =>
  withTopics(async ({ needs }) => {
    const SubscriptionArn = `arn:aws:sns:${REGION}:${ACCOUNT}:news:1`;
    const set = async (AttributeName: string, AttributeValue: string) =>
      (await needs('sns:SetSubscriptionAttributes', { SubscriptionArn, AttributeName, AttributeValue })).map(
        ({ action, resources }) => [action, ...resources],
      );
    const own = ['sns:SetSubscriptionAttributes', `arn:aws:sns:${REGION}:${ACCOUNT}:news`];
    assert.deepEqual(await set('RedrivePolicy', JSON.stringify({ deadLetterTargetArn: queue })), [
      own,
      ['sqs:SendMessage', queue],
    ]);
    assert.deepEqual(await set('RedrivePolicy', ''), [own]);
    assert.deepEqual(await set('RawMessageDelivery', 'true'), [own]);
  }));

test('our own ports, metadata addresses and what is no endpoint of its protocol are refused when they are subscribed', () =>
  withTopics(async ({ call, notices }) => {
    const TopicArn = await topic(call);
    const refused: [string, string][] = [
      ['http', `http://127.0.0.1:${OWN_PORT}/`],
      ['http', `http://localhost:${OWN_PORT}/_slipway/ui`],
      ['http', 'http://169.254.169.254/latest/meta-data/'],
      ['http', 'http://[::ffff:169.254.169.254]/'],
      ['https', 'http://example.com/'],
      ['http', 'http://user:secret@example.com/'],
      ['email', 'ann@example.com, bob@example.com'],
      ['sqs', 'arn:aws:sqs:us-east-1:999999999999:theirs'],
      ['lambda', queue],
      ['pigeon', 'x'],
    ];
    for (const [Protocol, Endpoint] of refused) {
      await assert.rejects(call('sns:Subscribe', { TopicArn, Protocol, Endpoint }), code('InvalidParameter'), Endpoint);
    }
    await assert.rejects(call('sns:Subscribe', { TopicArn, Protocol: 'sms', Endpoint: '+1' }), code('NotImplementedException'));
    assert.deepEqual(await notices(), []);
  }));

test('an endpoint is subscribed once; nobody confirming it for two days ends it', () =>
  withTopics(async ({ call, advance, settle, notices }) => {
    const TopicArn = await topic(call);
    const ask = (Attributes = {}) =>
      call('sns:Subscribe', {
        TopicArn,
        Protocol: 'http',
        Endpoint: 'http://hooks.example.com/',
        Attributes,
        ReturnSubscriptionArn: true,
      });
    const [first, again] = [await ask(), await ask()];
    assert.equal(first.SubscriptionArn, again.SubscriptionArn);
    assert.equal((await notices()).length, 2, 'a new token each time');
    await assert.rejects(ask({ RawMessageDelivery: 'true' }), code('InvalidParameter', /different attributes/));
    advance(2 * 24 * 3600 * 1000 + 1);
    // the loop reads timers of so far ahead anew when they come near, which nothing here can wait for
    const pending = async () => (await call('sns:GetTopicAttributes', { TopicArn })).Attributes?.['SubscriptionsPending'];
    while ((await pending()) !== '0') await settle();
    await assert.rejects(
      call('sns:GetSubscriptionAttributes', { SubscriptionArn: first.SubscriptionArn ?? '' }),
      code('NotFound'),
    );
  }));

test('what may be published: sizes, subjects, structures, attributes, batches', () =>
  withTopics(async ({ call, notices }) => {
    const TopicArn = await topic(call);
    await call('sns:Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue });
    const refused = (input: object, error: string, message = /./) =>
      assert.rejects(call('sns:Publish', { TopicArn, Message: 'm', ...input }), code(error, message));
    await refused({ Message: '' }, 'InvalidParameter', /Empty/);
    await refused({ Message: 'é'.repeat(131_073) }, 'InvalidParameter', /too long/);
    for (const Subject of ['a\nb', 'a\u0007', 'a\u2028b', '', 'x'.repeat(101)])
      await refused({ Subject }, 'InvalidParameter', /Subject/);
    await call('sns:Publish', { TopicArn, Message: 'm', Subject: 'Größe ≥ 3' });
    assert.equal(JSON.parse((await notices())[0]?.body ?? '').Subject, 'Größe ≥ 3');
    await refused({ MessageStructure: 'json', Message: '{"sqs":"x"}' }, 'InvalidParameter', /default/);
    await refused({ MessageGroupId: 'a b', Message: 'x' }, 'InvalidParameter', /MessageGroupId/);
    await refused({ MessageAttributes: { a: { DataType: 'Thing', StringValue: 'x' } } }, 'ParameterValueInvalid');
    await refused({ TopicArn: `${TopicArn}-none` }, 'NotFound');
    await call('sns:Publish', { TopicArn, MessageStructure: 'json', Message: '{"default":"d","sqs":"for queues"}' });
    assert.ok((await notices()).some(({ body }) => JSON.parse(body).Message === 'for queues'));
    const { Successful, Failed } = await call('sns:PublishBatch', {
      TopicArn,
      PublishBatchRequestEntries: [
        { Id: 'a', Message: '1' },
        { Id: 'b', Message: '' },
      ],
    });
    assert.deepEqual([Successful?.map(({ Id }) => Id), Failed?.map(({ Id }) => Id)], [['a'], ['b']]);
    await assert.rejects(
      call('sns:PublishBatch', {
        TopicArn,
        PublishBatchRequestEntries: [
          { Id: 'a', Message: '1' },
          { Id: 'a', Message: '2' },
        ],
      }),
      code('BatchEntryIdsNotDistinct'),
    );
  }));

test('a policy on bodies reads the text that the subscription would get', () =>
  withTopics(async ({ call, notices }) => {
    const TopicArn = await topic(call);
    const subscribe = (Endpoint: string, kind: string) => {
      const Attributes = { FilterPolicyScope: 'MessageBody', FilterPolicy: JSON.stringify({ kind: [kind] }) };
      return call('sns:Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes });
    };
    await subscribe(`${queue}-default`, 'default');
    await subscribe(`${queue}-own`, 'own');
    const Message = JSON.stringify({ default: '{"kind":"default"}', sqs: '{"kind":"own"}' });
    await call('sns:Publish', { TopicArn, MessageStructure: 'json', Message });
    assert.deepEqual(
      (await notices()).map(({ to }) => to.arn),
      [`${queue}-own`],
    );
  }));

test('an attribute may have any name of letters, digits and punctuation, and arrives', () =>
  withTopics(async ({ call, notices }) => {
    const TopicArn = await topic(call);
    await call('sns:Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue });
    const value = { DataType: 'String', StringValue: 'x' };
    await call('sns:Publish', {
      TopicArn,
      Message: 'm',
      MessageAttributes: JSON.parse(JSON.stringify({ rejection: value, PROTO: value }).replace('PROTO', '__proto__')),
    });
    const { MessageAttributes } = JSON.parse((await notices())[0]?.body ?? '{}');
    assert.deepEqual(Object.keys(MessageAttributes ?? {}).toSorted(), ['__proto__', 'rejection']);
  }));

test('what is shown of a delivery policy is what counts', () =>
  withTopics(async ({ call }) => {
    const TopicArn = await topic(call);
    const shown = async () =>
      JSON.parse((await call('sns:GetTopicAttributes', { TopicArn })).Attributes?.['EffectiveDeliveryPolicy'] ?? '').http
        .disableSubscriptionOverrides;
    assert.equal(await shown(), false);
    const AttributeValue = JSON.stringify({ http: { disableSubscriptionOverrides: true } });
    await call('sns:SetTopicAttributes', { TopicArn, AttributeName: 'DeliveryPolicy', AttributeValue });
    assert.equal(await shown(), true);
  }));

test("a topic's policy lets in the services that it names, for the sources that it names", () =>
  withTopics(async ({ call, needs }) => {
    const TopicArn = await topic(call);
    const rule = `arn:aws:events:${REGION}:${ACCOUNT}:rule/told`;
    const publish = (service: string, arn: string) =>
      needs('sns:Publish', { TopicArn, Message: 'm', Source: { service, arn, account: ACCOUNT } });
    assert.equal((await publish('events.amazonaws.com', rule)).length, 1, 'without a policy the sender needs the right itself');
    const statement = {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sns:Publish',
      Resource: TopicArn,
      Condition: { ArnEquals: { 'aws:SourceArn': rule } },
    };
    const AttributeValue = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await call('sns:SetTopicAttributes', { TopicArn, AttributeName: 'Policy', AttributeValue });
    assert.deepEqual(await publish('events.amazonaws.com', rule), []);
    assert.equal((await publish('events.amazonaws.com', `${rule}-other`)).length, 1);
    assert.equal((await publish('s3.amazonaws.com', rule)).length, 1);
    const elsewhere = JSON.stringify({ Statement: [{ ...statement, Resource: `${TopicArn}-other` }] });
    await call('sns:SetTopicAttributes', { TopicArn, AttributeName: 'Policy', AttributeValue: elsewhere });
    assert.equal((await publish('events.amazonaws.com', rule)).length, 1, 'a statement about another topic says nothing of this');
  }));

test('permissions and policies: lent, shown, taken back; what is none is refused', () =>
  withTopics(async ({ call }) => {
    const TopicArn = await topic(call);
    const policy = async () =>
      JSON.parse((await call('sns:GetTopicAttributes', { TopicArn })).Attributes?.['Policy'] ?? '').Statement;
    await call('sns:AddPermission', { TopicArn, Label: 'one', AWSAccountId: ['999999999999'], ActionName: ['Publish'] });
    assert.deepEqual(
      (await policy()).map(({ Sid }: { Sid: string }) => Sid),
      ['__default_statement_ID', 'one'],
    );
    await assert.rejects(
      call('sns:AddPermission', { TopicArn, Label: 'one', AWSAccountId: ['999999999999'], ActionName: ['Publish'] }),
      code('InvalidParameter', /already exists/),
    );
    for (const wrong of [{ AWSAccountId: ['99'] }, { AWSAccountId: [] }, { ActionName: [] }, { ActionName: ['Burn'] }]) {
      const asked = { TopicArn, Label: 'two', AWSAccountId: ['999999999999'], ActionName: ['Publish'], ...wrong };
      await assert.rejects(call('sns:AddPermission', asked), code('InvalidParameter'), 'the whole policy would be lost with it');
    }
    await call('sns:RemovePermission', { TopicArn, Label: 'one' });
    assert.equal((await policy()).length, 1);
    const set = (AttributeValue: string) => call('sns:SetTopicAttributes', { TopicArn, AttributeName: 'Policy', AttributeValue });
    await assert.rejects(set('{'), code('InvalidParameter', /Policy/));
    await assert.rejects(
      set('{"Statement":[{"Effect":"Allow","Action":"sns:Publish","Resource":"*"}]}'),
      code('InvalidParameter'),
    );
  }));
