import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../../models/load.ts';
import type { InputOf } from '../../contract/operations.ts';
import { ACCOUNT, callsOf, REGION, type RoomCall, withRoom } from '../../platform/calls/room-rig.ts';
import { type AnyOperation, operation } from '../../platform/calls/operation.ts';
import { createUniversalCalls } from '../../platform/calls/universal-calls.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { NOTICE, type NoticeDocument } from '../../platform/notices.ts';
import { createReconcileLoop } from '../../platform/reconcile/loop.ts';
import type { Store } from '../../platform/store/port.ts';
import { listRows } from '../../platform/store/typed-rows.ts';
import type { VirtualClock } from '../../platform/virtual-clock.ts';
import { createSchedulesRoom } from './room.ts';

const START = Date.parse('2026-03-01T12:00:00Z');
const role = `arn:aws:iam::${ACCOUNT}:role/runner`;
const queue = `arn:aws:sqs:${REGION}:${ACCOUNT}:inbox`;
const pipeline = `arn:aws:sagemaker:${REGION}:${ACCOUNT}:pipeline/train`;
const MINUTE = 60_000;

interface Setting {
  readonly call: RoomCall;
  readonly store: Store;
  readonly clock: VirtualClock;
  notices(): Promise<NoticeDocument[]>;
  settle(): Promise<void>;
}

/** Operations that rooms of a whole server would have; that they exist is all that is asked of them here. */
const elsewhere: AnyOperation[] = [
  operation('sqs:SendMessage', { effect: 'change', needs: () => [], handle: async () => ({}) }),
  operation('sqs:DeleteQueue', { effect: 'change', needs: () => [], handle: async () => ({}) }),
];

const roomOver = (store: Store, clock: VirtualClock) => {
  const room = createSchedulesRoom({
    store,
    clock,
    universal: createUniversalCalls([loadService('sqs')], () => elsewhere),
    roles: {
      async assume({ roleArn }) {
        if (roleArn.endsWith('/stranger')) throw new ServiceError('ValidationException', `Could not assume role ${roleArn}.`);
        return { kind: 'role-session', account: ACCOUNT, arn: roleArn, userId: 'AROA', name: 'runner' };
      },
      resolve: async (_account, roleArn) => ({ effectiveRoleArn: roleArn }),
    },
  });
  // stands in for the room that sends, so that what it would get stays to be looked at
  return { ...room, reconcilers: [...(room.reconcilers ?? []), { name: NOTICE, reconcile: async () => {} }] };
};

const withSchedules = (run: (setting: Setting) => Promise<void>): Promise<void> =>
  withRoom(
    ({ store, clock }) => roomOver(store, clock),
    ({ call, store, clock, settle }) =>
      run({
        call,
        store,
        clock,
        settle,
        async notices() {
          await settle();
          const page = {
            account: ACCOUNT,
            region: REGION,
            kind: 'Notice',
            sortBy: 'created',
            order: 'ascending',
            limit: 1000,
          } as const;
          return (await listRows<NoticeDocument>(store, page)).rows.map(({ document }) => document);
        },
      }),
    START,
  );

const code =
  (wanted: string, message = /./) =>
  (error: unknown) =>
    error instanceof ServiceError && error.code === wanted && message.test(error.message);

const asked = (more: Partial<InputOf<'scheduler:CreateSchedule'>> = {}): InputOf<'scheduler:CreateSchedule'> => ({
  Name: 'nightly',
  ScheduleExpression: 'rate(10 minutes)',
  FlexibleTimeWindow: { Mode: 'OFF' },
  Target: { Arn: queue, RoleArn: role, Input: 'at <aws.scheduler.scheduled-time> of <aws.scheduler.schedule-arn>' },
  ...more,
});

test('a schedule is made, told, listed, changed and gone', () =>
  withSchedules(async ({ call }) => {
    const { ScheduleArn } = await call('scheduler:CreateSchedule', asked({ ClientToken: 'one' }));
    assert.equal(ScheduleArn, `arn:aws:scheduler:${REGION}:${ACCOUNT}:schedule/default/nightly`);
    await call('scheduler:CreateSchedule', asked({ ClientToken: 'one' }));
    await assert.rejects(
      call('scheduler:CreateSchedule', asked({ ClientToken: 'two' })),
      code('ConflictException', /already exists/),
    );
    const shown = await call('scheduler:GetSchedule', { Name: 'nightly' });
    assert.deepEqual(
      [shown.State, shown.ScheduleExpressionTimezone, shown.Target?.RetryPolicy, shown.FlexibleTimeWindow],
      ['ENABLED', 'UTC', { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 }, { Mode: 'OFF' }],
    );
    await call('scheduler:UpdateSchedule', asked({ State: 'DISABLED', Description: 'off' }));
    const names = async (input: InputOf<'scheduler:ListSchedules'>) =>
      (await call('scheduler:ListSchedules', input)).Schedules.map(({ Name }) => Name);
    assert.deepEqual([await names({ State: 'DISABLED' }), await names({ State: 'ENABLED' })], [['nightly'], []]);
    assert.deepEqual(
      [await names({ NamePrefix: 'nig' }), await names({ NamePrefix: 'x', GroupName: 'default' })],
      [['nightly'], []],
    );
    await call('scheduler:DeleteSchedule', { Name: 'nightly' });
    await assert.rejects(
      call('scheduler:GetSchedule', { Name: 'nightly' }),
      code('ResourceNotFoundException', /Schedule nightly does not exist/),
    );
    await assert.rejects(call('scheduler:DeleteSchedule', { Name: 'nightly' }), code('ResourceNotFoundException'));
    await assert.rejects(call('scheduler:UpdateSchedule', asked()), code('ResourceNotFoundException'));
  }));

test('each time becomes one notice, as the role, with what the times are put into', () =>
  withSchedules(async ({ call, clock, notices }) => {
    await call('scheduler:CreateSchedule', asked());
    for (let times = 1; times <= 3; times += 1) {
      const sent = await notices();
      assert.equal(sent.length, times);
      clock.advance(10 * MINUTE);
    }
    const [first] = await notices();
    assert.deepEqual(first?.role, { arn: role, service: 'scheduler.amazonaws.com' });
    assert.equal(first?.body, `at 2026-03-01T12:00:00Z of arn:aws:scheduler:${REGION}:${ACCOUNT}:schedule/default/nightly`);
    assert.deepEqual(first?.to, { kind: 'queue', arn: queue });
    await call('scheduler:UpdateSchedule', asked({ State: 'DISABLED' }));
    const before = (await notices()).length;
    clock.advance(60 * MINUTE);
    assert.equal((await notices()).length, before, 'disabled');
  }));

test('a pipeline is started with its parameters under a token of the time; one time only, then the schedule goes', () =>
  withSchedules(async ({ call, clock, settle, notices }) => {
    await call(
      'scheduler:CreateSchedule',
      asked({
        ScheduleExpression: 'at(2026-03-01T14:10:00)',
        ScheduleExpressionTimezone: 'Europe/Berlin',
        ActionAfterCompletion: 'DELETE',
        Target: {
          Arn: pipeline,
          RoleArn: role,
          SageMakerPipelineParameters: { PipelineParameterList: [{ Name: 'when', Value: '<aws.scheduler.scheduled-time>' }] },
        },
      }),
    );
    assert.deepEqual(await notices(), []);
    clock.advance(70 * MINUTE);
    // the loop reads timers of so far ahead anew when they come near, which nothing here can wait for
    while ((await notices()).length === 0) await settle();
    const [sent, ...more] = await notices();
    assert.equal(more.length, 0);
    assert.ok(sent?.to.kind === 'call' && sent.to.operation === 'sagemaker:StartPipelineExecution');
    assert.deepEqual(sent.to.input['PipelineParameters'], [{ Name: 'when', Value: '2026-03-01T13:10:00Z' }]);
    assert.match(String(sent.to.input['ClientRequestToken']), /^[0-9a-f]{32,}$/);
    await assert.rejects(call('scheduler:GetSchedule', { Name: 'nightly' }), code('ResourceNotFoundException'));
  }));

test('the server is away for a day: the latest time fires once, and the ledger says what was missed', () =>
  withSchedules(async ({ call, store, clock, settle, notices }) => {
    await call('scheduler:CreateSchedule', asked({ ScheduleExpression: 'cron(0/10 * * * ? *)' }));
    assert.equal((await notices()).length, 1);
    // a clock of its own for the second life: what the first loop armed does not count
    const { createVirtualClock } = await import('../../platform/virtual-clock.ts');
    const later = createVirtualClock(clock.now() + 20 * 60 * MINUTE + 5 * MINUTE);
    const room = roomOver(store, later);
    const loop = createReconcileLoop({ store, clock: later, log: { debug() {}, info() {}, warn() {}, error() {} } });
    loop.register(room.reconcilers);
    await loop.start();
    try {
      await loop.idle();
      const sent = await notices();
      assert.deepEqual(sent.map(({ body }) => body.slice(3, 23)).toSorted(), ['2026-03-01T12:00:00Z', '2026-03-02T08:00:00Z']);
      const missed = (await store.ledger({ afterSequence: 0, limit: 100 })).filter(({ entry }) =>
        entry.action.includes('Missed'),
      );
      assert.match(missed[0]?.entry.reason ?? '', /2026-03-01T12:10:00Z on .* 2026-03-02T08:00:00Z fires/);
      const again = callsOf(room.operations, () => later.now());
      assert.equal((await again('scheduler:GetSchedule', { Name: 'nightly' })).State, 'ENABLED');
    } finally {
      await loop.stop();
      await settle();
    }
  }));

test('universal targets: known operations with input that fits; reading ones and unknown ones are refused', () =>
  withSchedules(async ({ call, notices }) => {
    const target = (Arn: string, Input?: string) =>
      asked({ Target: { Arn, RoleArn: role, ...(Input !== undefined && { Input }) } });
    const sdk = (what: string) => `arn:aws:scheduler:::aws-sdk:${what}`;
    const refused = (what: string, input: string | undefined, message: RegExp) =>
      assert.rejects(call('scheduler:CreateSchedule', target(sdk(what), input)), code('ValidationException', message));
    await refused('sqs:receiveMessage', '{}', /only reads/);
    await refused('sqs:getQueueUrl', '{}', /only reads/);
    await refused('dynamodb:putItem', '{}', /no operation/);
    await refused('sqs:sendMessage', '{"Queue":"x"}', /'Queue' is not supported/);
    await refused('sqs:sendMessage', '{"QueueUrl":', /not valid JSON/);
    await call(
      'scheduler:CreateSchedule',
      target(sdk('sqs:sendMessage'), '{"QueueUrl":"q","MessageBody":"<aws.scheduler.execution-id>"}'),
    );
    const [sent] = await notices();
    assert.ok(sent?.to.kind === 'sdk' && sent.to.operation === 'sqs:SendMessage');
    assert.match(JSON.parse(sent.body).MessageBody, /^[0-9a-f]+$/);
  }));

test('what a target gets is not in the ledger', () =>
  withSchedules(async ({ call, store }) => {
    const Target = { Arn: `arn:aws:sqs:us-east-1:${ACCOUNT}:q`, RoleArn: role, Input: 'hidden' };
    await call('scheduler:CreateSchedule', asked({ Target }));
    const ledger = JSON.stringify(await store.ledger({ afterSequence: 0, limit: 100 }));
    assert.ok(ledger.includes('scheduler:CreateSchedule') && !ledger.includes('hidden'));
  }));

test('what bounds the session of whoever made a schedule bounds what the role does at its times', () =>
  withSchedules(async ({ call, notices }) => {
    const sessionPolicy = { Statement: [{ Effect: 'Deny', Action: 'sagemaker:UpdateModelPackage', Resource: '*' }] } as const;
    const principal = {
      kind: 'role-session',
      account: ACCOUNT,
      arn: role,
      userId: 'AROA',
      name: 'runner',
      sessionPolicy,
    } as const;
    await call('scheduler:CreateSchedule', asked({ Name: 'by-job' }), { principal });
    await call('scheduler:CreateSchedule', asked({ Name: 'by-user' }));
    assert.deepEqual((await notices()).map(({ role: sent }) => sent?.sessionPolicy).filter(Boolean), [sessionPolicy]);
  }));

test('what is no schedule is refused, and says why', () =>
  withSchedules(async ({ call }) => {
    const refused = (more: Partial<InputOf<'scheduler:CreateSchedule'>>, wanted: string, message: RegExp) =>
      assert.rejects(call('scheduler:CreateSchedule', asked(more)), code(wanted, message));
    const bad = (more: Partial<InputOf<'scheduler:CreateSchedule'>>, message: RegExp) =>
      refused(more, 'ValidationException', message);
    await bad({ ScheduleExpression: 'rate(1 minutes)' }, /Invalid Schedule Expression/);
    await bad({ ScheduleExpressionTimezone: 'Mars/Olympus' }, /Timezone/);
    await bad({ EndDate: START - 1 }, /EndDate/);
    await bad({ StartDate: START + 2, EndDate: START + 1 }, /EndDate/);
    await bad({ FlexibleTimeWindow: { Mode: 'FLEXIBLE' } }, /MaximumWindowInMinutes/);
    await bad({ Target: { Arn: 'arn:aws:s3:::bucket', RoleArn: role } }, /Provided Arn/);
    await bad({ Target: { Arn: `${queue}.fifo`, RoleArn: role } }, /MessageGroupId/);
    await bad(
      { Target: { Arn: queue, RoleArn: `arn:aws:iam::${ACCOUNT}:role/stranger` } },
      /must allow AWS EventBridge Scheduler/,
    );
    await bad({ Target: { Arn: queue, RoleArn: role, DeadLetterConfig: { Arn: pipeline } } }, /SQS queue/);
    await refused({ KmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/x' }, 'NotImplementedException', /KmsKeyArn/);
    await refused({ GroupName: 'none' }, 'ResourceNotFoundException', /Schedule group none/);
  }));

test('groups: the default is there, another goes with its schedules', () =>
  withSchedules(async ({ call, settle, clock, notices }) => {
    const { ScheduleGroupArn } = await call('scheduler:CreateScheduleGroup', { Name: 'team', Tags: [{ Key: 'a', Value: '1' }] });
    await assert.rejects(call('scheduler:CreateScheduleGroup', { Name: 'default' }), code('ConflictException'));
    await call('scheduler:TagResource', { ResourceArn: ScheduleGroupArn, Tags: [{ Key: 'b', Value: '2' }] });
    assert.equal((await call('scheduler:ListTagsForResource', { ResourceArn: ScheduleGroupArn })).Tags?.length, 2);
    await call('scheduler:CreateSchedule', asked({ GroupName: 'team', ScheduleExpression: 'cron(30 12 * * ? *)' }));
    const groups = (await call('scheduler:ListScheduleGroups', {})).ScheduleGroups.map(({ Name }) => Name);
    assert.deepEqual(groups, ['default', 'team']);
    await assert.rejects(call('scheduler:DeleteScheduleGroup', { Name: 'default' }), code('ValidationException'));
    await call('scheduler:DeleteScheduleGroup', { Name: 'team' });
    await settle();
    await assert.rejects(call('scheduler:GetScheduleGroup', { Name: 'team' }), code('ResourceNotFoundException'));
    await assert.rejects(
      call('scheduler:GetSchedule', { Name: 'nightly', GroupName: 'team' }),
      code('ResourceNotFoundException'),
    );
    clock.advance(60 * MINUTE);
    assert.deepEqual(await notices(), []);
  }));

test('a change whose answer was lost on the way to the store is not made again: what it fired meanwhile fires once', () => {
  let afterwards: (() => Promise<unknown>) | undefined;
  return withRoom(
    ({ store, clock }) =>
      roomOver(
        {
          ...store,
          async commit(commit) {
            const result = await store.commit(commit);
            const act = afterwards;
            afterwards = undefined;
            if (!act) return result;
            await act();
            return { outcome: 'unknown', reason: 'the answer is lost' };
          },
        },
        clock,
      ),
    async ({ call, store, clock, settle }) => {
      await call('scheduler:CreateSchedule', asked({ State: 'DISABLED' }));
      clock.advance(MINUTE);
      afterwards = settle;
      await call('scheduler:UpdateSchedule', asked());
      const { rows } = await listRows<{ next?: { timeMs: number } }>(store, {
        account: ACCOUNT,
        region: REGION,
        kind: 'Schedule',
        sortBy: 'name',
        order: 'ascending',
        limit: 9,
      });
      assert.deepEqual(
        rows.map(({ document }) => document.next?.timeMs),
        [START + 11 * MINUTE],
      );
    },
    START,
  );
});
