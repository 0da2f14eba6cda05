import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { OutputOf } from '../../contract/operations.ts';
import { ACCOUNT, callsOf, REGION, type RoomCall as Call } from '../../platform/calls/room-rig.ts';
import { createLogFiles } from '../../platform/log-files.ts';
import type { LogFiles } from '../../platform/ports/log-files.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import type { Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { createVirtualClock, type VirtualClock } from '../../platform/virtual-clock.ts';
import { createLogsRoom } from './room.ts';

const GROUP = '/aws/sagemaker/TrainingJobs';
const job = { logGroupName: GROUP, logStreamName: 'job/algo-1-1700000000' };
const file = { account: ACCOUNT, region: REGION, group: GROUP, stream: job.logStreamName };

interface Setting {
  readonly call: Call;
  readonly store: Store;
  readonly files: LogFiles;
  readonly reconcilers: readonly Reconciler[];
  readonly clock: VirtualClock;
  /** Reads are counted, to see what a poll costs. */
  readonly bytesRead: () => number;
}

async function withLogsRoom(run: (setting: Setting) => Promise<void>): Promise<void> {
  const clock = createVirtualClock(1_700_000_000_000);
  await withSqliteStore(
    async ({ store, folder }) => {
      const plain = createLogFiles({ folder: join(folder, 'logs') });
      let bytesRead = 0;
      const files: LogFiles = {
        ...plain,
        async read(stream, fromByte, limitBytes) {
          const lines = await plain.read(stream, fromByte, limitBytes);
          bytesRead += lines.nextOffset - fromByte;
          return lines;
        },
      };
      const room = createLogsRoom({ store, files, clock });
      const call = callsOf(room.operations, () => clock.now());
      await run({ call, store, files, clock, reconcilers: room.reconcilers ?? [], bytesRead: () => bytesRead });
    },
    { clock },
  );
}

const code = (expected: string, text?: string) => (error: { code?: string; message?: string }) =>
  error.code === expected && (text === undefined || error.message === text);

async function makeJob({ call }: Setting): Promise<void> {
  await call('logs:CreateLogGroup', { logGroupName: GROUP });
  await call('logs:CreateLogStream', job);
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => ({ timeMs: 1000 + from + at, text: `line ${from + at}` }));

const messages = (page: OutputOf<'logs:GetLogEvents'>) => page.events?.map(({ message }) => message) ?? [];

test('a stream is read while it is written: the same token twice is the end, for now', () =>
  withLogsRoom(async (setting) => {
    await makeJob(setting);
    const { call, files } = setting;
    const empty = await call('logs:GetLogEvents', { ...job, startFromHead: true });
    assert.deepEqual(empty.events, []);
    await files.append(file, lines(0, 5));
    let page = await call('logs:GetLogEvents', { ...job, startFromHead: true, limit: 3, nextToken: empty.nextForwardToken });
    assert.deepEqual(messages(page), ['line 0', 'line 1', 'line 2']);
    page = await call('logs:GetLogEvents', { ...job, startFromHead: true, limit: 3, nextToken: page.nextForwardToken });
    assert.deepEqual(messages(page), ['line 3', 'line 4']);
    const end = await call('logs:GetLogEvents', { ...job, startFromHead: true, nextToken: page.nextForwardToken });
    assert.deepEqual([end.events, end.nextForwardToken], [[], page.nextForwardToken]);
    fs.appendFileSync(await files.path(file), '2000 half');
    assert.equal(
      (await call('logs:GetLogEvents', { ...job, nextToken: end.nextForwardToken })).nextForwardToken,
      end.nextForwardToken,
    );
    fs.appendFileSync(await files.path(file), ' and\tdone\n');
    const live = await call('logs:GetLogEvents', { ...job, nextToken: end.nextForwardToken });
    assert.deepEqual(live.events, [{ timestamp: 2000, message: 'half and#011done', ingestionTime: 2000 }]);
  }));

test('without startFromHead the last events come first, then pages backwards', () =>
  withLogsRoom(async (setting) => {
    await makeJob(setting);
    const { call, files } = setting;
    await files.append(file, lines(0, 10));
    let page = await call('logs:GetLogEvents', { ...job, limit: 4 });
    const forward = page.nextForwardToken;
    assert.deepEqual(messages(page), ['line 6', 'line 7', 'line 8', 'line 9']);
    page = await call('logs:GetLogEvents', { ...job, limit: 4, nextToken: page.nextBackwardToken });
    assert.deepEqual(messages(page), ['line 2', 'line 3', 'line 4', 'line 5']);
    page = await call('logs:GetLogEvents', { ...job, limit: 4, nextToken: page.nextBackwardToken });
    assert.deepEqual(messages(page), ['line 0', 'line 1']);
    const end = await call('logs:GetLogEvents', { ...job, limit: 4, nextToken: page.nextBackwardToken });
    assert.deepEqual([end.events, end.nextBackwardToken], [[], page.nextBackwardToken]);
    await files.append(file, lines(10, 11));
    assert.deepEqual(messages(await call('logs:GetLogEvents', { ...job, nextToken: forward })), ['line 10']);
    await assert.rejects(call('logs:GetLogEvents', { ...job, nextToken: 'mine' }), code('InvalidParameterException'));
  }));

test('backwards over a file of many windows, with long lines, nothing is lost or doubled', () =>
  withLogsRoom(async (setting) => {
    await makeJob(setting);
    const { call, files } = setting;
    const all = Array.from({ length: 900 }, (_, at) => ({ timeMs: 1000 + at, text: `${at} ${'é'.repeat((at * 7919) % 3000)}` }));
    all[450] = { timeMs: 1450, text: `long ${'x'.repeat(600_000)}` };
    await files.append(file, all);
    const texts: string[] = [];
    let nextToken: string | undefined;
    for (;;) {
      const page: OutputOf<'logs:GetLogEvents'> = await call('logs:GetLogEvents', { ...job, limit: 100, nextToken });
      if (page.nextBackwardToken === nextToken) break;
      texts.unshift(...messages(page).map(String));
      nextToken = page.nextBackwardToken;
    }
    assert.deepEqual(
      texts,
      all.map(({ text }) => text),
    );
    let forward: string[] = [];
    for (nextToken = undefined; ; ) {
      const page: OutputOf<'logs:GetLogEvents'> = await call('logs:GetLogEvents', { ...job, startFromHead: true, nextToken });
      assert.ok(Buffer.byteLength(messages(page).join('')) <= 1024 * 1024);
      if (page.nextForwardToken === nextToken) break;
      forward = forward.concat(messages(page).map(String));
      nextToken = page.nextForwardToken;
    }
    assert.deepEqual(
      forward,
      all.map(({ text }) => text),
    );
  }));

test('start and end of time, and a poll for what is new does not read the whole file again', () =>
  withLogsRoom(async (setting) => {
    await makeJob(setting);
    const { call, files, bytesRead } = setting;
    const window = async (startTime?: number, endTime?: number, startFromHead = true) =>
      messages(await call('logs:GetLogEvents', { ...job, startTime, endTime, startFromHead }));
    await files.append(file, lines(0, 10));
    assert.deepEqual(await window(1003, 1006), ['line 3', 'line 4', 'line 5']);
    assert.deepEqual(await window(1008, undefined, false), ['line 8', 'line 9']);
    assert.deepEqual(await window(5000), []);
    await files.append(file, lines(10, 100_000));
    assert.deepEqual(await window(100_998), ['line 99998', 'line 99999']);
    const before = bytesRead();
    await files.append(file, lines(100_000, 100_001));
    assert.deepEqual(await window(100_999), ['line 99999', 'line 100000']);
    assert.deepEqual(await window(100_999, undefined, false), ['line 99999', 'line 100000']);
    assert.ok(bytesRead() - before < (await files.sizeBytes(file)) / 2, `${bytesRead() - before} bytes`);
  }));

test('streams are described from their files', () =>
  withLogsRoom(async (setting) => {
    await makeJob(setting);
    const { call, files } = setting;
    await call('logs:CreateLogStream', { logGroupName: GROUP, logStreamName: 'other/algo-1-1' });
    await call('logs:CreateLogStream', { logGroupName: GROUP, logStreamName: 'quiet/algo-1-1' });
    await files.append({ ...file, stream: 'other/algo-1-1' }, [{ timeMs: 50, text: 'early' }]);
    await files.append(file, lines(0, 3));
    const describe = async (more: object = {}) => {
      const { logStreams, nextToken } = await call('logs:DescribeLogStreams', { logGroupName: GROUP, ...more });
      return { names: logStreams?.map(({ logStreamName }) => logStreamName), logStreams, nextToken };
    };
    const [found] = (await describe({ logStreamNamePrefix: 'job/' })).logStreams ?? [];
    assert.deepEqual(
      [found?.firstEventTimestamp, found?.lastEventTimestamp, found?.arn],
      [1000, 1002, `arn:aws:logs:us-east-1:123456789012:log-group:${GROUP}:log-stream:${job.logStreamName}`],
    );
    fs.appendFileSync(await files.path(file), `9000 last\n9999 unfinished`);
    assert.equal((await describe({ logStreamNamePrefix: 'job/' })).logStreams?.[0]?.lastEventTimestamp, 9000);
    assert.deepEqual((await describe()).names, [job.logStreamName, 'other/algo-1-1', 'quiet/algo-1-1']);
    const newest = await describe({ orderBy: 'LastEventTime', descending: true, limit: 2 });
    assert.deepEqual(newest.names, [job.logStreamName, 'other/algo-1-1']);
    const rest = await describe({ orderBy: 'LastEventTime', descending: true, limit: 2, nextToken: newest.nextToken });
    assert.deepEqual([rest.names, rest.nextToken], [['quiet/algo-1-1'], undefined]);
    const paged = await describe({ limit: 1 });
    assert.deepEqual((await describe({ nextToken: paged.nextToken })).names, ['other/algo-1-1', 'quiet/algo-1-1']);
    await assert.rejects(describe({ orderBy: 'LastEventTime', logStreamNamePrefix: 'j' }), code('InvalidParameterException'));
    await assert.rejects(describe({ nextToken: 'bad' }), code('InvalidParameterException'));
  }));

test('events that clients put are read as they put them, line breaks too', () =>
  withLogsRoom(async (setting) => {
    const { call } = setting;
    const place = { logGroupName: '/my/app', logStreamName: 's' };
    await call('logs:CreateLogGroup', { logGroupName: '/my/app' });
    await call('logs:CreateLogStream', place);
    const timestamp = 1_700_000_000_000;
    await call('logs:PutLogEvents', {
      ...place,
      logEvents: [
        { timestamp, message: 'two\nlines\tand a tab' },
        { timestamp, message: 'é' },
      ],
    });
    const page = await call('logs:GetLogEvents', { ...place, startFromHead: true });
    assert.deepEqual(
      page.events?.map(({ message }) => message),
      ['two\nlines\tand a tab', 'é'],
    );
    const old = await call('logs:PutLogEvents', { ...place, logEvents: [{ timestamp: 1, message: 'old' }] });
    assert.deepEqual(old.rejectedLogEventsInfo, { tooOldLogEventEndIndex: 1 });
  }));

test('what exists, what does not, and what is deleted', () =>
  withLogsRoom(async (setting) => {
    const { call, files, store } = setting;
    await assert.rejects(
      call('logs:CreateLogStream', job),
      code('ResourceNotFoundException', 'The specified log group does not exist.'),
    );
    await makeJob(setting);
    await assert.rejects(call('logs:CreateLogGroup', { logGroupName: GROUP }), code('ResourceAlreadyExistsException'));
    await assert.rejects(call('logs:CreateLogStream', job), code('ResourceAlreadyExistsException'));
    await assert.rejects(
      call('logs:GetLogEvents', { ...job, logStreamName: 'no' }),
      code('ResourceNotFoundException', 'The specified log stream does not exist.'),
    );
    await files.append(file, lines(0, 3));
    await call('logs:DeleteLogStream', job);
    await assert.rejects(call('logs:GetLogEvents', job), code('ResourceNotFoundException'));
    await call('logs:CreateLogStream', job);
    assert.deepEqual((await call('logs:GetLogEvents', job)).events, []);
    await files.append(file, lines(0, 3));
    await call('logs:DeleteLogGroup', { logGroupName: GROUP });
    assert.equal(await files.sizeBytes(file), 0);
    await assert.rejects(call('logs:DescribeLogStreams', { logGroupName: GROUP }), code('ResourceNotFoundException'));
    assert.deepEqual((await call('logs:DescribeLogGroups', {})).logGroups, []);
    assert.deepEqual(await store.timers({ limit: 10 }), []);
    assert.deepEqual(
      (await store.ledger({ afterSequence: 0, limit: 10 })).map(({ entry }) => entry.action),
      ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DeleteLogStream', 'logs:CreateLogStream', 'logs:DeleteLogGroup'],
    );
  }));

test('a deletion that the server did not live to finish is finished by its reconciler', () =>
  withLogsRoom(async (setting) => {
    await makeJob(setting);
    const { call, files, store, reconcilers } = setting;
    await files.append(file, lines(0, 3));
    const key = { account: ACCOUNT, region: REGION, kind: 'LogGroup', name: GROUP };
    const row = await store.get(key);
    await store.commit({
      expect: [{ key, version: row!.version }],
      write: [{ key, document: { ...row?.document, deletion: { actor: 'a', requestId: 'r' } }, index: row!.index }],
      timers: [{ reconciler: 'logs-deletion', key, dueAtMs: 0 }],
    });
    await assert.rejects(call('logs:CreateLogStream', { ...job, logStreamName: 'x' }), code('ResourceNotFoundException'));
    await reconcilers[0]!.reconcile(key);
    assert.equal(await files.sizeBytes(file), 0);
    assert.equal(await store.get(key), undefined);
    assert.deepEqual(await store.timers({ limit: 10 }), []);
  }));

test('groups are found by prefix and pattern, and carry tags', () =>
  withLogsRoom(async ({ call }) => {
    for (const logGroupName of ['/aws/sagemaker/ProcessingJobs', GROUP, '/my/app']) {
      await call('logs:CreateLogGroup', { logGroupName, ...(logGroupName === '/my/app' && { tags: { team: 'a' } }) });
    }
    const names = async (input: object) =>
      (await call('logs:DescribeLogGroups', input)).logGroups?.map(({ logGroupName }) => logGroupName);
    assert.deepEqual(await names({ logGroupNamePrefix: '/aws/' }), ['/aws/sagemaker/ProcessingJobs', GROUP]);
    assert.deepEqual(await names({ logGroupNamePattern: 'App' }), ['/my/app']);
    const first = await call('logs:DescribeLogGroups', { limit: 2 });
    assert.deepEqual(await names({ nextToken: first.nextToken }), ['/my/app']);
    await assert.rejects(names({ logGroupNamePattern: 'a', logGroupNamePrefix: 'b' }), code('InvalidParameterException'));
    const resourceArn = 'arn:aws:logs:us-east-1:123456789012:log-group:/my/app';
    await call('logs:TagResource', { resourceArn: `${resourceArn}:*`, tags: { stage: 'test' } });
    assert.deepEqual((await call('logs:ListTagsForResource', { resourceArn })).tags, { team: 'a', stage: 'test' });
    await call('logs:UntagResource', { resourceArn, tagKeys: ['team'] });
    assert.deepEqual((await call('logs:ListTagsLogGroup', { logGroupName: '/my/app' })).tags, { stage: 'test' });
  }));

const found = (page: OutputOf<'logs:FilterLogEvents'>) => page.events?.map(({ message }) => message) ?? [];

test('events of several streams are filtered in the order of their time, in pages', () =>
  withLogsRoom(async ({ call, files }) => {
    await call('logs:CreateLogGroup', { logGroupName: '/my/app' });
    const stream = (name: string) => ({ ...file, group: '/my/app', stream: name });
    for (const name of ['a/1', 'a/2', 'b/1'])
      await call('logs:CreateLogStream', { logGroupName: '/my/app', logStreamName: name });
    const at = (timeMs: number, text = `e${timeMs}`) => ({ timeMs, text });
    await files.append(stream('a/1'), [at(1), at(4), at(3, 'late'), at(7)]);
    await files.append(stream('a/2'), [at(2), at(5), at(6)]);
    await files.append(stream('b/1'), [at(5, 'other'), at(9)]);
    const filter = (more: object = {}) => call('logs:FilterLogEvents', { logGroupName: '/my/app', ...more });
    const all = ['e1', 'e2', 'e4', 'late', 'e5', 'other', 'e6', 'e7', 'e9'];
    assert.deepEqual(found(await filter()), all);
    for (const limit of [1, 2, 4]) {
      const got: (string | undefined)[] = [];
      let nextToken: string | undefined;
      do {
        const page: OutputOf<'logs:FilterLogEvents'> = await filter({ limit, nextToken });
        got.push(...found(page));
        nextToken = page.nextToken;
      } while (nextToken);
      assert.deepEqual(got, all);
    }
    assert.deepEqual(found(await filter({ startTime: 3, endTime: 6 })), ['e4', 'late', 'e5', 'other']);
    assert.deepEqual(found(await filter({ logStreamNamePrefix: 'b/' })), ['other', 'e9']);
    assert.deepEqual(found(await filter({ logStreamNames: ['a/2', 'b/1'], filterPattern: 'e5' })), ['e5']);
    const { events = [] } = await filter({ logStreamNames: ['b/1'], limit: 1 });
    assert.deepEqual([events[0]?.logStreamName, events[0]?.timestamp, events[0]?.eventId?.length], ['b/1', 5, 56]);
    await assert.rejects(
      filter({ filterPattern: 'a:b' }),
      code('InvalidParameterException', "Invalid character(s) in term 'a:b'"),
    );
    await assert.rejects(filter({ nextToken: 'mine' }), code('InvalidParameterException'));
    await assert.rejects(filter({ logStreamNames: ['none'] }), code('ResourceNotFoundException'));
    await assert.rejects(filter({ logGroupName: '/none' }), code('ResourceNotFoundException'));
  }));

test('a retention takes old events off the disk, and reading goes on where it was', () =>
  withLogsRoom(async (setting) => {
    await makeJob(setting);
    const { call, files, clock, reconcilers, store } = setting;
    const day = 24 * 3600 * 1000;
    const nowMs = clock.now();
    const at = (days: number, name: string) => ({ timeMs: nowMs - days * day, text: `${name} ${'x'.repeat(200)}` });
    await files.append(file, [at(5, 'old'), at(4, 'older'), at(1, 'young')]);
    const whole = await call('logs:GetLogEvents', { ...job, startFromHead: true });
    await assert.rejects(
      call('logs:PutRetentionPolicy', { logGroupName: GROUP, retentionInDays: 2 }),
      code('InvalidParameterException'),
    );
    await call('logs:PutRetentionPolicy', { logGroupName: GROUP, retentionInDays: 3 });
    assert.equal((await call('logs:DescribeLogGroups', {})).logGroups?.[0]?.retentionInDays, 3);
    const [timer] = await store.timers({ limit: 10 });
    const retention = reconcilers.find(({ name }) => name === timer?.reconciler);
    assert.ok(timer && retention);
    const names = (page: OutputOf<'logs:GetLogEvents'>) => messages(page).map((text) => text?.split(' ')[0]);
    for (let round = 0; round < 2; round += 1) {
      await retention.reconcile(timer.key);
      assert.deepEqual(names(await call('logs:GetLogEvents', { ...job, startFromHead: true })), ['young']);
      assert.deepEqual(names(await call('logs:GetLogEvents', job)), ['young']);
      assert.deepEqual(found(await call('logs:FilterLogEvents', { logGroupName: GROUP })).length, 1);
    }
    assert.ok(!fs.readFileSync(await files.path(file), 'utf8').includes('old'));
    const [stream] = (await call('logs:DescribeLogStreams', { logGroupName: GROUP })).logStreams ?? [];
    assert.equal(stream?.firstEventTimestamp, nowMs - day);
    // whoever followed the stream goes on, and whoever writes it does not notice
    fs.appendFileSync(await files.path(file), `${nowMs} newest\n`);
    const next = await call('logs:GetLogEvents', { ...job, nextToken: whole.nextForwardToken });
    assert.deepEqual(names(next), ['newest']);
    clock.advance(10 * day);
    await retention.reconcile(timer.key);
    assert.deepEqual(names(await call('logs:GetLogEvents', { ...job, startFromHead: true })), []);
    await files.append(file, [{ timeMs: clock.now(), text: 'again' }]);
    assert.deepEqual(names(await call('logs:GetLogEvents', { ...job, startFromHead: true })), ['again']);
    assert.equal((await store.timers({ limit: 10 })).length, 1);
    await call('logs:DeleteRetentionPolicy', { logGroupName: GROUP });
    assert.equal((await call('logs:DescribeLogGroups', {})).logGroups?.[0]?.retentionInDays, undefined);
    assert.deepEqual(await store.timers({ limit: 10 }), []);
    const actions = (await store.ledger({ afterSequence: 0, limit: 10 })).map(({ entry }) => entry.action);
    assert.deepEqual(actions.slice(2), [
      'logs:PutRetentionPolicy',
      'slipway:LogEvents.Expired',
      'slipway:LogEvents.Expired',
      'logs:DeleteRetentionPolicy',
    ]);
  }));
