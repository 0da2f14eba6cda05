import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ACCOUNT, type RoomCall as Call, type RoomSetting, withRoom } from '../../platform/calls/room-rig.ts';
import { systemIds } from '../../platform/ids.ts';
import { createQueuesRoom } from './room.ts';

const url = (name: string) => `http://127.0.0.1:7600/${ACCOUNT}/${name}`;
const code = (expected: string, text?: RegExp) => (error: { code?: string; message?: string }) =>
  error.code === expected && (text === undefined || text.test(error.message ?? ''));

type QueuesSetting = RoomSetting<ReturnType<typeof createQueuesRoom>>;

const withQueuesRoom = (run: (setting: QueuesSetting) => Promise<void>): Promise<void> =>
  withRoom(
    ({ store, clock }) => createQueuesRoom({ store, clock, ids: systemIds, serverUrl: () => 'http://127.0.0.1:7600' }),
    run,
  );

async function create(call: Call, name = 'q', Attributes: Record<string, string> = {}): Promise<string> {
  return (await call('sqs:CreateQueue', { QueueName: name, Attributes })).QueueUrl ?? '';
}
const send = (call: Call, QueueUrl: string, MessageBody: string, more: object = {}) =>
  call('sqs:SendMessage', { QueueUrl, MessageBody, ...more });
const receive = async (call: Call, QueueUrl: string, more: object = {}) =>
  (await call('sqs:ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, ...more })).Messages ?? [];
const bodies = async (call: Call, QueueUrl: string, more: object = {}) =>
  (await receive(call, QueueUrl, more)).map(({ Body }) => Body);

async function counts({ call }: QueuesSetting, QueueUrl: string): Promise<string> {
  const { Attributes = {} } = await call('sqs:GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] });
  const count = (name: string) => Attributes[`ApproximateNumberOfMessages${name}` as 'All'];
  return [count(''), count('NotVisible'), count('Delayed')].join();
}

test('a queue is made once: the same again is the same, with another attribute it exists', () =>
  withQueuesRoom(async ({ call, store }) => {
    assert.equal(await create(call, 'q', { VisibilityTimeout: '5' }), url('q'));
    assert.equal(await create(call, 'q', { VisibilityTimeout: '5' }), url('q'));
    assert.equal(await create(call, 'q'), url('q'));
    await assert.rejects(create(call, 'q', { VisibilityTimeout: '6' }), code('QueueNameExists', /attribute VisibilityTimeout/));
    await assert.rejects(create(call, 'q!'), code('InvalidParameterValue'));
    await assert.rejects(create(call, 'r', { VisibilityTimeout: '43201' }), code('InvalidAttributeValue'));
    await assert.rejects(create(call, 'r', { Colour: 'red' }), code('InvalidAttributeName'));
    await assert.rejects(create(call, 'r', { KmsMasterKeyId: 'alias/aws/sqs' }), code('NotImplementedException'));
    await assert.rejects(create(call, 'r.fifo'), code('InvalidParameterValue'));
    await create(call, 'q2');
    assert.deepEqual((await call('sqs:ListQueues', { QueueNamePrefix: 'q' })).QueueUrls, [url('q'), url('q2')]);
    const first = await call('sqs:ListQueues', { MaxResults: 1 });
    assert.deepEqual((await call('sqs:ListQueues', { MaxResults: 1, NextToken: first.NextToken })).QueueUrls, [url('q2')]);
    await call('sqs:DeleteQueue', { QueueUrl: url('q') });
    await assert.rejects(call('sqs:GetQueueUrl', { QueueName: 'q' }), code('QueueDoesNotExist'));
    await assert.rejects(call('sqs:DeleteQueue', { QueueUrl: url('q') }), code('QueueDoesNotExist'));
    await assert.rejects(call('sqs:DeleteQueue', { QueueUrl: 'http://elsewhere' }), code('QueueDoesNotExist'));
    await assert.rejects(
      call('sqs:DeleteQueue', { QueueUrl: url('q2').replace(ACCOUNT, '000000000000') }),
      code('QueueDoesNotExist'),
    );
    const actions = (await store.ledger({ afterSequence: 0, limit: 10 })).map(({ entry }) => entry.action);
    assert.deepEqual(actions, ['sqs:CreateQueue', 'sqs:CreateQueue', 'sqs:DeleteQueue']);
  }));

test('the address of a queue is the one the client used', () =>
  withQueuesRoom(async ({ call }) => {
    const client = { sourceIp: '', userAgent: '', endpoint: 'http://slipway.test:80' };
    const { QueueUrl } = await call('sqs:CreateQueue', { QueueName: 'q' }, { client });
    assert.equal(QueueUrl, `http://slipway.test:80/${ACCOUNT}/q`);
    await send(call, `https://sqs.us-east-1.amazonaws.com/${ACCOUNT}/q`, 'hello');
    assert.deepEqual(await bodies(call, 'q'), ['hello']);
  }));

test('a message is hidden while it is received, comes again after its time, and is gone when deleted', () =>
  withQueuesRoom(async (setting) => {
    const { call, clock } = setting;
    const QueueUrl = await create(call);
    const sent = await send(call, QueueUrl, 'one');
    assert.equal(sent.MD5OfMessageBody, createHash('md5').update('one').digest('hex'));
    assert.equal(await counts(setting, QueueUrl), '1,0,0');
    const [first] = await receive(call, QueueUrl, { AttributeNames: ['All'] });
    assert.deepEqual(
      [first?.MessageId, first?.Attributes?.ApproximateReceiveCount, first?.Attributes?.SenderId],
      [sent.MessageId, '1', 'AIDA'],
    );
    assert.deepEqual(await receive(call, QueueUrl), []);
    assert.equal(await counts(setting, QueueUrl), '0,1,0');
    clock.advance(30_000);
    const [again] = await receive(call, QueueUrl, { MessageSystemAttributeNames: ['ApproximateReceiveCount'] });
    assert.deepEqual(again?.Attributes, { ApproximateReceiveCount: '2' });
    await call('sqs:ChangeMessageVisibility', { QueueUrl, ReceiptHandle: again?.ReceiptHandle ?? '', VisibilityTimeout: 0 });
    assert.deepEqual(await bodies(call, QueueUrl), ['one']);
    await call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle: first?.ReceiptHandle ?? '' });
    clock.advance(60_000);
    assert.deepEqual(await receive(call, QueueUrl), []);
    await call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle: first?.ReceiptHandle ?? '' });
    await assert.rejects(call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle: 'mine' }), code('ReceiptHandleIsInvalid'));
    await assert.rejects(
      call('sqs:ChangeMessageVisibility', { QueueUrl, ReceiptHandle: first?.ReceiptHandle ?? '', VisibilityTimeout: 5 }),
      code('InvalidParameterValue', /Message does not exist/),
    );
  }));

test('many receivers at once: every message goes to exactly one', () =>
  withQueuesRoom(async ({ call }) => {
    const QueueUrl = await create(call);
    const all = Array.from({ length: 120 }, (_, at) => `m${at}`);
    await Promise.all(all.map((body) => send(call, QueueUrl, body)));
    const received: (string | undefined)[] = [];
    const worker = async (): Promise<void> => {
      for (;;) {
        const messages = await receive(call, QueueUrl, { MaxNumberOfMessages: 3 });
        if (messages.length === 0) return;
        received.push(...messages.map(({ Body }) => Body));
        await Promise.all(messages.map(({ ReceiptHandle = '' }) => call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle })));
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    await worker();
    assert.deepEqual(received.toSorted(), all.toSorted());
  }));

test('a long poll ends when a message arrives, when one can be received again, when its time is over, or its client is gone', () =>
  withQueuesRoom(async ({ call, clock, room }) => {
    const QueueUrl = await create(call, 'q', { ReceiveMessageWaitTimeSeconds: '20' });
    const poll = (more: object = {}, gone?: AbortSignal) =>
      call('sqs:ReceiveMessage', { QueueUrl, ...more }, { client: { sourceIp: '', userAgent: '', ...(gone && { gone }) } });
    const settled = async (promise: Promise<unknown>) => {
      let done = false;
      promise.finally(() => (done = true)).catch(() => undefined);
      for (let i = 0; i < 20; i += 1) await turn();
      return done;
    };
    const polls = [poll(), poll()];
    assert.equal(await settled(Promise.race(polls)), false);
    await send(call, QueueUrl, 'one');
    const [one] = (await Promise.race(polls)).Messages ?? [];
    assert.equal(one?.Body, 'one');
    await send(call, QueueUrl, 'two');
    const both = await Promise.all(polls);
    assert.deepEqual(both.flatMap(({ Messages = [] }) => Messages.map(({ Body }) => Body)).toSorted(), ['one', 'two']);
    await call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle: one?.ReceiptHandle ?? '' });

    const hidden = poll();
    assert.equal(await settled(hidden), false);
    clock.advance(20_000);
    assert.deepEqual(await hidden, {});
    const again = poll();
    assert.equal(await settled(again), false);
    clock.advance(10_000);
    assert.equal((await again).Messages?.[0]?.Body, 'two');

    const client = new AbortController();
    const left = poll({}, client.signal);
    const stays = poll();
    assert.equal(await settled(left), false);
    client.abort();
    assert.deepEqual(await left, {});
    await send(call, QueueUrl, 'three');
    assert.equal((await stays).Messages?.[0]?.Body, 'three');
    const last = poll();
    assert.equal(await settled(last), false);
    room.release?.();
    assert.deepEqual(await last, {});
  }));

test('batches tell of each entry; what is sent is checked', () =>
  withQueuesRoom(async ({ call }) => {
    const QueueUrl = await create(call, 'q', { MaximumMessageSize: '1024' });
    const batch = (Entries: { Id: string; MessageBody: string }[]) => call('sqs:SendMessageBatch', { QueueUrl, Entries });
    const { Successful, Failed } = await batch([
      { Id: 'a', MessageBody: 'A' },
      { Id: 'b', MessageBody: 'B'.repeat(1025) },
      { Id: 'c', MessageBody: 'bell \u0007' },
    ]);
    assert.deepEqual(
      [Successful.map(({ Id }) => Id), Failed.map(({ Id, Code, SenderFault }) => [Id, Code, SenderFault])],
      [
        ['a'],
        [
          ['b', 'InvalidParameterValue', true],
          ['c', 'InvalidMessageContents', true],
        ],
      ],
    );
    await assert.rejects(batch([]), code('EmptyBatchRequest'));
    await assert.rejects(batch([{ Id: 'a!', MessageBody: 'x' }]), code('InvalidBatchEntryId'));
    const two = { Id: 'a', MessageBody: 'x' };
    await assert.rejects(batch([two, two]), code('BatchEntryIdsNotDistinct', /Id a repeated/));
    await assert.rejects(
      batch(Array.from({ length: 11 }, (_, at) => ({ Id: `i${at}`, MessageBody: 'x' }))),
      code('TooManyEntriesInBatchRequest', /You have sent 11/),
    );
    const received = await receive(call, QueueUrl);
    const entries = received.map(({ ReceiptHandle = '' }, at) => ({ Id: `${at}`, ReceiptHandle, VisibilityTimeout: 0 }));
    await call('sqs:ChangeMessageVisibilityBatch', { QueueUrl, Entries: entries });
    assert.deepEqual(await bodies(call, QueueUrl), ['A']);
    const gone = await call('sqs:DeleteMessageBatch', { QueueUrl, Entries: [...entries, { Id: 'no', ReceiptHandle: 'x' }] });
    assert.deepEqual([gone.Successful.length, gone.Failed[0]?.Code], [1, 'ReceiptHandleIsInvalid']);
    for (const MessageAttributes of [
      { 'AWS.x': { DataType: 'String', StringValue: 'x' } },
      { a: { DataType: 'Text', StringValue: 'x' } },
      { a: { DataType: 'Number', StringValue: 'x' } },
      { a: { DataType: 'String' } },
    ]) {
      await assert.rejects(send(call, QueueUrl, 'x', { MessageAttributes }), code('InvalidParameterValue'));
    }
  }));

test('message attributes keep their type, and are shown as asked for', () =>
  withQueuesRoom(async ({ call }) => {
    const QueueUrl = await create(call);
    const MessageAttributes = {
      'job.name': { DataType: 'String', StringValue: 'é' },
      'job.size': { DataType: 'Number.int', StringValue: '7' },
      raw: { DataType: 'Binary', BinaryValue: Uint8Array.of(0, 255) },
    };
    const sent = await send(call, QueueUrl, 'x', { MessageAttributes });
    const [all] = await receive(call, QueueUrl, { MessageAttributeNames: ['All'], VisibilityTimeout: 0 });
    assert.equal(all?.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
    assert.deepEqual(all?.MessageAttributes?.['job.size'], MessageAttributes['job.size']);
    assert.deepEqual([...(all?.MessageAttributes?.['raw']?.BinaryValue ?? [])], [0, 255]);
    const [some] = await receive(call, QueueUrl, { MessageAttributeNames: ['job.*'], VisibilityTimeout: 0 });
    assert.deepEqual(Object.keys(some?.MessageAttributes ?? {}), ['job.name', 'job.size']);
    assert.notEqual(some?.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
    const [none] = await receive(call, QueueUrl);
    assert.deepEqual([none?.MessageAttributes, none?.MD5OfMessageAttributes], [undefined, undefined]);
  }));

test('a delayed message comes later; a queue may delay all', () =>
  withQueuesRoom(async (setting) => {
    const { call, clock } = setting;
    const QueueUrl = await create(call, 'q', { DelaySeconds: '5' });
    await send(call, QueueUrl, 'later');
    await send(call, QueueUrl, 'now', { DelaySeconds: 0 });
    assert.equal(await counts(setting, QueueUrl), '1,0,1');
    assert.deepEqual(await bodies(call, QueueUrl), ['now']);
    clock.advance(5_000);
    assert.deepEqual(await bodies(call, QueueUrl), ['later']);
    await assert.rejects(send(call, QueueUrl, 'x', { DelaySeconds: 901 }), code('InvalidParameterValue'));
  }));

test('what is received too often becomes a dead letter', () =>
  withQueuesRoom(async ({ call, clock }) => {
    const dead = await create(call, 'dead');
    const deadLetterTargetArn = `arn:aws:sqs:us-east-1:${ACCOUNT}:dead`;
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 });
    const QueueUrl = await create(call, 'q', { RedrivePolicy, VisibilityTimeout: '1' });
    const { MessageId } = await send(call, QueueUrl, 'poison');
    for (let count = 0; count < 2; count += 1) {
      assert.deepEqual(await bodies(call, QueueUrl), ['poison']);
      clock.advance(1_000);
    }
    assert.deepEqual(await bodies(call, QueueUrl), []);
    const [letter] = await receive(call, dead, { AttributeNames: ['All'] });
    assert.equal(letter?.MessageId, MessageId);
    assert.equal(letter?.Attributes?.DeadLetterQueueSourceArn, `arn:aws:sqs:us-east-1:${ACCOUNT}:q`);
    assert.deepEqual(await call('sqs:ListDeadLetterSourceQueues', { QueueUrl: dead }), { queueUrls: [url('q')] });
    for (const policy of ['{}', '[', JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 0 })]) {
      await assert.rejects(
        create(call, 'r', { RedrivePolicy: policy }),
        code('InvalidParameterValue', /RedrivePolicy is invalid/),
      );
    }
    const other = JSON.stringify({ deadLetterTargetArn: `${deadLetterTargetArn}x`, maxReceiveCount: 1 });
    await assert.rejects(create(call, 'r', { RedrivePolicy: other }), code('InvalidParameterValue', /does not exist/));
    await call('sqs:SetQueueAttributes', { QueueUrl, Attributes: { RedrivePolicy: '' } });
    assert.deepEqual(await call('sqs:ListDeadLetterSourceQueues', { QueueUrl: dead }), { queueUrls: [] });
  }));

test('a purge empties at once and not again within a minute; messages end with their retention and with their queue', () =>
  withQueuesRoom(async ({ call, clock, store, settle }) => {
    const QueueUrl = await create(call, 'q', { MessageRetentionPeriod: '120' });
    const left = async () => {
      const query = { account: ACCOUNT, region: 'us-east-1', kind: 'SQSMessage', sortBy: 'name', order: 'ascending' } as const;
      return (await store.list({ ...query, limit: 500 })).rows.length;
    };
    for (let at = 0; at < 60; at += 1) await send(call, QueueUrl, `m${at}`);
    const [held] = await receive(call, QueueUrl);
    await call('sqs:PurgeQueue', { QueueUrl });
    assert.deepEqual(await receive(call, QueueUrl), []);
    await assert.rejects(call('sqs:PurgeQueue', { QueueUrl }), code('PurgeQueueInProgress'));
    await call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle: held?.ReceiptHandle ?? '' });
    await settle();
    assert.equal(await left(), 0);
    await send(call, QueueUrl, 'old');
    clock.advance(100_000);
    await send(call, QueueUrl, 'young');
    clock.advance(20_000);
    assert.deepEqual(await bodies(call, QueueUrl), ['young']);
    await settle();
    assert.equal(await left(), 1);
    clock.advance(100_000);
    await settle();
    assert.equal(await left(), 0);
    await send(call, QueueUrl, 'last');
    await call('sqs:DeleteQueue', { QueueUrl });
    await create(call);
    assert.deepEqual(await receive(call, QueueUrl), []);
    await settle();
    assert.equal(await left(), 0);
  }));

test("a handle of another queue's message, or one from before a purge, changes nothing", () =>
  withQueuesRoom(async ({ call }) => {
    const [mine, other] = [await create(call, 'mine'), await create(call, 'other')];
    await send(call, mine, 'purged');
    const [purged] = await receive(call, mine);
    await call('sqs:PurgeQueue', { QueueUrl: mine });
    await send(call, other, 'hidden');
    const [held] = await receive(call, other, { VisibilityTimeout: 600 });
    for (const { ReceiptHandle = '' } of [held ?? {}, purged ?? {}]) {
      const handle = { QueueUrl: mine, ReceiptHandle };
      const refused = (error: { code?: string }) =>
        ['InvalidParameterValue', 'ReceiptHandleIsInvalid'].includes(error.code ?? '');
      await assert.rejects(call('sqs:ChangeMessageVisibility', { ...handle, VisibilityTimeout: 0 }), refused);
      await call('sqs:DeleteMessage', handle).catch((error: { code?: string }) => assert.ok(refused(error)));
    }
    assert.deepEqual(await bodies(call, other), []);
    await call('sqs:ChangeMessageVisibility', {
      QueueUrl: other,
      ReceiptHandle: held?.ReceiptHandle ?? '',
      VisibilityTimeout: 0,
    });
    assert.deepEqual(await bodies(call, other), ['hidden']);
  }));

test('a FIFO queue keeps the order of a group, hands it to one at a time, and takes no message twice', () =>
  withQueuesRoom(async ({ call, clock }) => {
    const QueueUrl = await create(call, 'q.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' });
    const put = (body: string, MessageGroupId: string) => send(call, QueueUrl, body, { MessageGroupId });
    const first = await put('a1', 'a');
    assert.equal((await put('a1', 'a')).MessageId, first.MessageId);
    await put('a2', 'a');
    await put('b1', 'b');
    assert.ok((await put('a3', 'a')).SequenceNumber! > first.SequenceNumber!);
    const take = async () => (await receive(call, QueueUrl, { MaxNumberOfMessages: 1, AttributeNames: ['All'] }))[0];
    const a1 = await take();
    assert.deepEqual(
      [a1?.Body, a1?.Attributes?.MessageGroupId, a1?.Attributes?.SequenceNumber],
      ['a1', 'a', first.SequenceNumber],
    );
    assert.equal((await take())?.Body, 'b1');
    assert.equal(await take(), undefined);
    const poll = receive(call, QueueUrl, { WaitTimeSeconds: 20 });
    await call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle: a1?.ReceiptHandle ?? '' });
    assert.deepEqual(
      (await poll).map(({ Body }) => Body),
      ['a2', 'a3'],
    );
    clock.advance(30_000);
    await assert.rejects(
      call('sqs:DeleteMessage', { QueueUrl, ReceiptHandle: (await poll)[0]?.ReceiptHandle ?? '' }),
      code('InvalidParameterValue', /The receipt handle has expired/),
    );
    assert.deepEqual(await bodies(call, QueueUrl), ['a2', 'b1', 'a3']);
    clock.advance(5 * 60_000);
    assert.notEqual((await put('a1', 'a')).MessageId, first.MessageId);
    await assert.rejects(send(call, QueueUrl, 'x'), code('MissingParameter', /MessageGroupId/));
    const plain = await create(call, 'p.fifo', { FifoQueue: 'true' });
    await assert.rejects(send(call, plain, 'x', { MessageGroupId: 'g' }), code('InvalidParameterValue', /ContentBased/));
  }));

test('tags of a queue', () =>
  withQueuesRoom(async ({ call }) => {
    const { QueueUrl = '' } = await call('sqs:CreateQueue', { QueueName: 'q', tags: { team: 'a' } });
    await call('sqs:TagQueue', { QueueUrl, Tags: { stage: 'test' } });
    await call('sqs:UntagQueue', { QueueUrl, TagKeys: ['team', 'never'] });
    assert.deepEqual(await call('sqs:ListQueueTags', { QueueUrl }), { Tags: { stage: 'test' } });
  }));
