import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCOUNT, REGION, type RoomCall } from '../../platform/calls/room-rig.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { EventInput } from '../../platform/events/event.ts';
import { EventsRig, EventsWorld, withEvents } from './events-rig.ts';
import { HOPS_MAX } from './reconcile-events.ts';

const code = (expected: string, text?: RegExp) => (error: { code?: string; message?: string }) =>
  error.code === expected && (text === undefined || text.test(error.message ?? ''));
const ROLE = `arn:aws:iam::${ACCOUNT}:role/Events`;
const ANY = JSON.stringify({ source: ['my.app'] });

const put = (call: RoomCall, detail: object, more: object = {}) =>
  call('events:PutEvents', {
    Entries: [{ Source: 'my.app', DetailType: 'Thing', Detail: JSON.stringify(detail), ...more }],
  });

async function rule(call: RoomCall, name: string, target: object, more: object = {}): Promise<void> {
  await call('events:PutRule', { Name: name, EventPattern: ANY, ...more });
  const { EventBusName } = more as { EventBusName?: string };
  const Targets = [{ Id: 't', ...target } as { Id: string; Arn: string }];
  await call('events:PutTargets', { Rule: name, Targets, ...(EventBusName !== undefined && { EventBusName }) });
}

test('an event that was put reaches the targets of the rules it fits, as AWS writes it', () =>
  withEvents(async (rig) => {
    const Arn = await rig.queue('q');
    await put(rig.call, { before: true });
    await rule(rig.call, 'r', { Arn });
    const { Entries, FailedEntryCount } = await put(
      rig.call,
      { n: 1 },
      { Resources: ['a'], Time: Date.parse('2026-02-03T04:05:06Z') },
    );
    await put(rig.call, { n: 2 }, { Source: 'other' });
    await rig.loop.idle();
    assert.equal(FailedEntryCount, 0);
    assert.deepEqual(
      (await rig.take('q')).map(({ body }) => body),
      [
        {
          version: '0',
          id: Entries?.[0]?.EventId,
          'detail-type': 'Thing',
          source: 'my.app',
          account: ACCOUNT,
          time: '2026-02-03T04:05:06Z',
          region: REGION,
          resources: ['a'],
          detail: { n: 1 },
        },
      ],
    );
  }));

test('events of services are on the default bus; those between rooms are on none', () =>
  withEvents(async (rig) => {
    const Arn = await rig.queue('q');
    await rule(rig.call, 'r', { Arn }, { EventPattern: JSON.stringify({ source: [{ prefix: 'aws.' }] }) });
    const event: EventInput = {
      source: 'aws.s3',
      detailType: 'Object Created',
      account: ACCOUNT,
      region: REGION,
      timeMs: Date.parse('2026-03-01T12:00:00Z'),
      resources: ['arn:aws:s3:::b'],
      detail: { bucket: { name: 'b' } },
    };
    const elsewhere = { ...event, region: 'eu-west-1' };
    await rig.store.commit({ expect: [], events: [event, { ...event, internal: true }, elsewhere] });
    await rig.loop.idle();
    const taken = await rig.take('q');
    assert.deepEqual(
      taken.map(({ body }) => [body['source'], body['detail-type'], body['time']]),
      [['aws.s3', 'Object Created', '2026-03-01T12:00:00Z']],
    );
    assert.match(String(taken[0]?.body['id']), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }));

test('a rule that is disabled sees nothing, and what came meanwhile does not come later', () =>
  withEvents(async (rig) => {
    const Arn = await rig.queue('q');
    await rule(rig.call, 'r', { Arn });
    await rig.call('events:DisableRule', { Name: 'r' });
    await put(rig.call, { n: 1 });
    await rig.call('events:EnableRule', { Name: 'r' });
    await put(rig.call, { n: 2 });
    await rig.loop.idle();
    assert.deepEqual(
      (await rig.take('q')).map(({ body }) => body['detail']),
      [{ n: 2 }],
    );
  }));

test('entries fail one by one, in the words of the service', () =>
  withEvents(async ({ call }) => {
    const entry = { Source: 'a', DetailType: 'd', Detail: '{}' };
    const { Entries = [], FailedEntryCount } = await call('events:PutEvents', {
      Entries: [
        { ...entry },
        { ...entry, Source: undefined },
        { ...entry, Detail: '[]' },
        { ...entry, Source: 'aws.s3' },
        { ...entry, EventBusName: 'nowhere' },
      ] as { Source: string }[],
    });
    assert.equal(FailedEntryCount, 3);
    assert.deepEqual(
      Entries.map(({ ErrorCode, EventId }) => ErrorCode ?? typeof EventId),
      ['string', 'InvalidArgument', 'MalformedDetail', 'NotAuthorizedForSourceException', 'string'],
    );
    const Detail = JSON.stringify({ text: 'ä'.repeat(131_072) });
    await assert.rejects(
      call('events:PutEvents', { Entries: [{ ...entry, Detail }] }),
      code('ValidationException', /over the limit/),
    );
  }));

test('rules and targets are refused in the words of the service', () =>
  withEvents(async ({ call }) => {
    const refused = (more: object, ...expected: Parameters<typeof code>) =>
      assert.rejects(call('events:PutRule', { Name: 'r', ...more }), code(...expected));
    await refused({}, 'ValidationException', /EventPattern or ScheduleExpression/);
    await refused({ EventPattern: '{"a": 1}' }, 'InvalidEventPatternException', /Reason: "a" must be an object or an array/);
    await refused({ ScheduleExpression: 'rate(1 minutes)' }, 'ValidationException', /ScheduleExpression is not valid/);
    await refused({ ScheduleExpression: 'at(2026-01-01T00:00:00)' }, 'ValidationException', /ScheduleExpression is not valid/);
    await refused({ EventPattern: ANY, EventBusName: 'b' }, 'ResourceNotFoundException', /Event bus b does not exist/);
    await call('events:PutRule', { Name: 'r', EventPattern: ANY });
    const targets = (...Targets: { Id: string; Arn: string }[]) => call('events:PutTargets', { Rule: 'r', Targets });
    const Arn = `arn:aws:sqs:${REGION}:${ACCOUNT}:q`;
    await assert.rejects(targets({ Id: '1', Arn: 'q' }), code('ValidationException', /not in correct format/));
    await assert.rejects(targets({ Id: '1', Arn: Arn.replace('sqs', 'kinesis') }), code('NotImplementedException'));
    await assert.rejects(
      targets({ Id: '1', Arn: `arn:aws:sagemaker:${REGION}:${ACCOUNT}:pipeline/p` }),
      code('ValidationException', /RoleArn is required for target 1/),
    );
    await assert.rejects(
      targets({ Id: '1', Arn: `${Arn}.fifo` }),
      code('ValidationException', /SqsParameters must be specified for target: 1/),
    );
    await targets(...['1', '2', '3', '4', '5'].map((Id) => ({ Id, Arn })));
    await assert.rejects(targets({ Id: '6', Arn }), code('LimitExceededException'));
    await targets({ Id: '5', Arn: `${Arn}2` });
    assert.deepEqual((await call('events:ListRuleNamesByTarget', { TargetArn: `${Arn}2` })).RuleNames, ['r']);
    await assert.rejects(call('events:DeleteRule', { Name: 'r' }), code('ValidationException', /since it has targets/));
    await call('events:RemoveTargets', { Rule: 'r', Ids: ['1', '2', '3', '4', '5'] });
    await call('events:DeleteRule', { Name: 'r' });
    await assert.rejects(
      call('events:DescribeRule', { Name: 'r' }),
      code('ResourceNotFoundException', /Rule r does not exist on EventBus default/),
    );
  }));

test('buses: the default one is always there, others hold what was put on them', () =>
  withEvents(async (rig) => {
    const { call } = rig;
    const { EventBusArn = '' } = await call('events:CreateEventBus', { Name: 'b' });
    await assert.rejects(call('events:CreateEventBus', { Name: 'b' }), code('ResourceAlreadyExistsException'));
    assert.deepEqual(
      (await call('events:ListEventBuses', {})).EventBuses?.map(({ Name }) => Name),
      ['default', 'b'],
    );
    await rule(call, 'r', { Arn: await rig.queue('q') }, { EventBusName: 'b' });
    await put(call, { on: 'default' });
    await put(call, { on: 'b' }, { EventBusName: EventBusArn });
    await rig.loop.idle();
    assert.deepEqual(
      (await rig.take('q')).map(({ body }) => body['detail']),
      [{ on: 'b' }],
    );
    assert.equal(
      (await call('events:DescribeRule', { Name: 'r', EventBusName: 'b' })).Arn,
      `${EventBusArn.replace('event-bus', 'rule')}/r`,
    );
    await assert.rejects(call('events:DeleteEventBus', { Name: 'b' }), code('ValidationException', /has rules/));
    await assert.rejects(call('events:DeleteEventBus', { Name: 'default' }), code('ValidationException'));
    await call('events:PutPermission', { EventBusName: 'b', StatementId: 's', Principal: ACCOUNT, Action: 'events:PutEvents' });
    const { Policy = '' } = await call('events:DescribeEventBus', { Name: 'b' });
    assert.equal(JSON.parse(Policy).Statement[0].Sid, 's');
    await call('events:RemovePermission', { EventBusName: 'b', StatementId: 's' });
    assert.equal((await call('events:DescribeEventBus', { Name: 'b' })).Policy, undefined);
  }));

test('what no repetition mends goes to the dead letters at once; what may pass is tried again until its policy ends', () =>
  withEvents(async (rig) => {
    const letters = { DeadLetterConfig: { Arn: await rig.queue('dlq') } };
    const gone = `arn:aws:sqs:${REGION}:${ACCOUNT}:gone`;
    await rule(rig.call, 'r', { Arn: gone, ...letters });
    await put(rig.call, { n: 1 });
    await rig.loop.idle();
    const [letter] = await rig.take('dlq');
    assert.deepEqual(letter?.body['detail'], { n: 1 });
    const ruleArn = `arn:aws:events:${REGION}:${ACCOUNT}:rule/r`;
    const { ERROR_MESSAGE, ...attributes } = letter?.attributes ?? {};
    assert.match(ERROR_MESSAGE ?? '', /does not exist/);
    assert.deepEqual(attributes, { RULE_ARN: ruleArn, TARGET_ARN: gone, ERROR_CODE: 'NO_RESOURCE', RETRY_ATTEMPTS: '0' });

    rig.world.refusals = [new ServiceError('ThrottlingException', 'slow down')];
    const RetryPolicy = { MaximumRetryAttempts: 3 };
    const topic = `arn:aws:sns:${REGION}:${ACCOUNT}:t`;
    await rig.call('events:PutTargets', { Rule: 'r', Targets: [{ Id: 't', Arn: topic, RetryPolicy, ...letters }] });
    await put(rig.call, { n: 2 });
    await rig.loop.idle();
    await rig.later(60_000, 1_000);
    assert.equal(rig.world.heard.length, 4);
    const [late] = await rig.take('dlq');
    assert.deepEqual(
      [late?.attributes['ERROR_CODE'], late?.attributes['RETRY_ATTEMPTS'], late?.attributes['EXHAUSTED_RETRY_CONDITION']],
      ['THROTTLING', '3', 'MaximumRetryAttempts'],
    );
  }));

test('pipelines are started by the role of the target, under a token that the event gives', () =>
  withEvents(async (rig) => {
    const Arn = `arn:aws:sagemaker:${REGION}:${ACCOUNT}:pipeline/train`;
    const SageMakerPipelineParameters = { PipelineParameterList: [{ Name: 'epochs', Value: '3' }] };
    await rule(rig.call, 'r', { Arn, RoleArn: ROLE, SageMakerPipelineParameters });
    const { Entries } = await put(rig.call, {});
    await rig.loop.idle();
    const [started] = rig.world.heard;
    assert.equal(started?.name, 'sagemaker:StartPipelineExecution');
    assert.deepEqual(started.input, {
      PipelineName: Arn,
      ClientRequestToken: Entries?.[0]?.EventId,
      PipelineParameters: [{ Name: 'epochs', Value: '3' }],
    });
    assert.match(started.principal.arn, /assumed-role\/Events\//);
    assert.equal(started.principal.onBehalfOf, `arn:aws:events:${REGION}:${ACCOUNT}:rule/r`);
  }));

test("a target's role gives no more than who put the target may have", () =>
  withEvents(async (rig) => {
    const sessionPolicy = { Statement: { Effect: 'Deny', Action: 'sagemaker:UpdateModelPackage', Resource: '*' } } as const;
    const principal = { kind: 'role-session', account: ACCOUNT, arn: 'arn', userId: 'AROA', name: 'Job', sessionPolicy } as const;
    await rig.call('events:PutRule', { Name: 'r', EventPattern: ANY });
    const Arn = `arn:aws:sagemaker:${REGION}:${ACCOUNT}:pipeline/train`;
    await rig.call('events:PutTargets', { Rule: 'r', Targets: [{ Id: 't', Arn, RoleArn: ROLE }] }, { principal });
    await put(rig.call, {});
    await rig.loop.idle();
    assert.deepEqual(rig.world.heard[0]?.principal.sessionPolicy, sessionPolicy);
  }));

test('buses that lead in a circle: an event ends after so many rules, in the ledger and the dead letters', () =>
  withEvents(async (rig) => {
    await rig.call('events:CreateEventBus', { Name: 'a' });
    await rig.call('events:CreateEventBus', { Name: 'b' });
    const bus = (name: string) => `arn:aws:events:${REGION}:${ACCOUNT}:event-bus/${name}`;
    await rule(rig.call, 'to-b', { Arn: bus('b') }, { EventBusName: 'a' });
    await rule(rig.call, 'to-a', { Arn: bus('a'), DeadLetterConfig: { Arn: await rig.queue('dlq') } }, { EventBusName: 'b' });
    await rule(rig.call, 'see', { Arn: await rig.queue('seen') }, { EventBusName: 'a' });
    const { Entries } = await put(rig.call, {}, { EventBusName: 'a' });
    await rig.loop.idle();
    const seen = await rig.take('seen');
    assert.equal(seen.length, HOPS_MAX / 2);
    assert.ok(seen.every(({ body }) => body['id'] === Entries?.[0]?.EventId));
    const ledger = await rig.store.ledger({ afterSequence: 0, limit: 1000 });
    assert.equal(ledger.filter(({ entry }) => entry.action === 'slipway:Event.Circled').length, 1);
  }));

/** The first start is refused in `refused` first, so that it is taken on a repetition. */
const startsAgain = (refused: ServiceError[]) =>
  withEvents(async (rig) => {
    rig.world.refusals = [...refused, undefined];
    const Arn = `arn:aws:sagemaker:${REGION}:${ACCOUNT}:pipeline/round`;
    rig.world.act = async ({ store }, { input }) => {
      const PipelineExecutionArn = `${Arn}/execution/${String(input['ClientRequestToken'])}`;
      const detail = {
        pipelineArn: Arn,
        pipelineExecutionArn: PipelineExecutionArn,
        currentPipelineExecutionStatus: 'Executing',
      };
      const place = { account: ACCOUNT, region: REGION, timeMs: rig.world.clock.now() };
      const event = { ...place, source: 'aws.sagemaker', detailType: 'Execution', resources: [Arn], detail };
      await store.commit({ expect: [], events: [event] }); // before the answer that tells which execution it is
      return { PipelineExecutionArn };
    };
    const EventPattern = JSON.stringify({ source: ['aws.sagemaker', 'my.app'] });
    await rule(rig.call, 'again', { Arn, RoleArn: ROLE }, { EventPattern });
    await put(rig.call, {});
    await rig.loop.idle();
    await rig.later(20_000, 50);
    assert.equal(rig.world.heard.length, HOPS_MAX + refused.length);
    const ledger = await rig.store.ledger({ afterSequence: 0, limit: 1000 });
    assert.equal(ledger.filter(({ entry }) => entry.action === 'slipway:Event.Circled').length, 1);
  });

test('a pipeline that a rule starts again whenever it was started: bounded too', () => startsAgain([]));

test('a start that is taken on a repetition counts as one that is taken at once', () =>
  startsAgain([new ServiceError('ThrottlingException', 'Rate exceeded')]));

test('API destinations get requests with the secrets of their connection, which are shown to nobody', () =>
  withEvents(async (rig) => {
    const { call, world } = rig;
    const { ConnectionArn = '' } = await call('events:CreateConnection', {
      Name: 'c',
      AuthorizationType: 'API_KEY',
      AuthParameters: {
        ApiKeyAuthParameters: { ApiKeyName: 'x-key', ApiKeyValue: 'opensesame' },
        InvocationHttpParameters: { HeaderParameters: [{ Key: 'h', Value: 'hidden', IsValueSecret: true }] },
      },
    });
    assert.doesNotMatch(JSON.stringify(await call('events:DescribeConnection', { Name: 'c' })), /opensesame|hidden/);
    const kept = await rig.store.list({
      account: ACCOUNT,
      region: REGION,
      kind: 'EventConnection',
      sortBy: 'name',
      order: 'ascending',
      limit: 1,
    });
    assert.doesNotMatch(JSON.stringify(kept), /opensesame|hidden/);
    const destination = { Name: 'd', ConnectionArn, HttpMethod: 'POST', InvocationEndpoint: 'https://example.com/*/in' } as const;
    await assert.rejects(
      call('events:CreateApiDestination', { ...destination, InvocationEndpoint: 'http://169.254.169.254/' }),
      code('ValidationException', /metadata/),
    );
    const { ApiDestinationArn: Arn = '' } = await call('events:CreateApiDestination', destination);
    await assert.rejects(call('events:DeleteConnection', { Name: 'c' }), code('ConcurrentModificationException'));
    const HttpParameters = { PathParameterValues: ['../x'], HeaderParameters: { 'x-key': 'mine', y: 'z' } };
    await rule(call, 'r', { Arn, RoleArn: ROLE, HttpParameters });
    world.answers = [503, 'unreachable', 200];
    await put(call, { n: 1 });
    await rig.loop.idle();
    await rig.later(60_000, 1_000);
    assert.equal(world.requests.length, 3);
    const [first] = world.requests;
    assert.equal(first?.url, 'https://example.com/%2E%2E%2Fx/in');
    assert.deepEqual([first.headers?.['x-key'], first.headers?.['h'], first.headers?.['y']], ['opensesame', 'hidden', 'z']);
    assert.deepEqual((JSON.parse(String(first.body)) as { detail: unknown }).detail, { n: 1 });
  }));

test('a schedule fires at its times; what a stopped server missed comes once, for the latest time', async () => {
  const world = new EventsWorld();
  let rig = await EventsRig.start(world);
  try {
    const Arn = await rig.queue('q');
    await rule(rig.call, 'r', { Arn }, { EventPattern: undefined, ScheduleExpression: 'cron(0/10 * * * ? *)' });
    await rig.later(20 * 60_000, 60_000);
    const times = async () => (await rig.take('q')).map(({ body }) => String(body['time']).slice(11, 16));
    const fired = await rig.take('q');
    assert.deepEqual(
      fired.map(({ body }) => [body['source'], body['detail-type'], body['time']]),
      [
        ['aws.events', 'Scheduled Event', '2026-03-01T12:10:00Z'],
        ['aws.events', 'Scheduled Event', '2026-03-01T12:20:00Z'],
      ],
    );
    await rig.stop();
    world.clock.advance(35 * 60_000);
    rig = await EventsRig.start(world);
    await rig.loop.idle();
    assert.deepEqual(await times(), ['12:50']);
    await rig.later(5 * 60_000, 60_000);
    assert.deepEqual(await times(), ['13:00']);
    await rig.call('events:PutRule', { Name: 'r', ScheduleExpression: 'rate(2 hours)' });
    await rig.stop();
    world.clock.advance(3.5 * 3_600_000);
    rig = await EventsRig.start(world);
    await rig.loop.idle();
    assert.deepEqual(await times(), []);
    await rig.later(30 * 60_000, 60_000);
    assert.deepEqual(await times(), ['17:00']);
  } finally {
    await rig.stop();
    world.end();
  }
});

test('dying between any two commits: each event meets each rule once', async () => {
  for (let dieAt = 1; ; dieAt += 1) {
    const world = new EventsWorld();
    try {
      const first = await EventsRig.start(world);
      const targets = [await first.queue('one.fifo'), await first.queue('two.fifo')];
      for (const [nth, Arn] of targets.entries())
        await rule(first.call, `r${nth}`, { Arn, SqsParameters: { MessageGroupId: 'g' } });
      await first.loop.idle();
      const died = await first.dies(dieAt, async () => {
        for (const n of [1, 2]) await put(first.call, { n });
      });
      await first.stop();
      const after = await EventsRig.start(world);
      await after.loop.idle();
      const events = await after.store.events({ afterSequence: 0, limit: 10 });
      const all = events.map(({ detail }) => detail['n']);
      for (const name of ['one.fifo', 'two.fifo']) {
        assert.deepEqual(
          (await after.take(name)).map(({ body }) => (body['detail'] as { n: number }).n).toSorted(),
          all,
          `${name}, dead at ${dieAt}`,
        );
      }
      await after.stop();
      if (!died) {
        assert.ok(dieAt > 10, `there were only ${dieAt} places to die at`);
        return;
      }
    } finally {
      world.end();
    }
  }
});
