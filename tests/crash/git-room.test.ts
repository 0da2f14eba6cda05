import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createGit } from '../../src/backends/git/git-folders.ts';
import type { InputOf } from '../../src/contract/operations.ts';
import { FLUSH, parseReport, pktLine } from '../../src/domains/repositories/decide-push.ts';
import { createRepositoriesRoom, type RepositoriesRoom } from '../../src/domains/repositories/room.ts';
import { ACCOUNT, callsOf, REGION, type RoomBase, withRoom } from '../../src/platform/calls/room-rig.ts';
import { systemIds } from '../../src/platform/ids.ts';
import type { WithArchive } from '../../src/platform/ports/commit-archive.ts';
import type { Git } from '../../src/platform/ports/git.ts';
import type { GitCaller } from '../../src/platform/ports/git-service.ts';
import { createReconcileLoop } from '../../src/platform/reconcile/loop.ts';
import { DEFAULT_SETTINGS } from '../../src/platform/settings.ts';

/** The room `repositories` over a real store and real git, in one process: what a server that died leaves is found by another room. */

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const ADA = `arn:aws:iam::${ACCOUNT}:user/ada`;
const CALLER: GitCaller = {
  principal: { kind: 'user', account: ACCOUNT, arn: ADA, userId: 'AIDAADA', name: 'ada' },
  region: REGION,
  requestId: 'push-1',
};

interface Told {
  readonly name: string;
  readonly input: object;
}

function roomOver(base: RoomBase, change: (git: Git) => Git = (git) => git, told: Told[] = []): RepositoriesRoom {
  const git = change(createGit({ folder: join(base.folder, 'git'), ids: systemIds }));
  return createRepositoriesRoom({
    ...base,
    git,
    ids: systemIds,
    log: SILENT,
    settings: DEFAULT_SETTINGS,
    authorizer: { authorize: async () => ({ allowed: true }) },
    calls: {
      async call(_principal, _origin, name, input) {
        const { Body, ...rest } = input as { Body?: AsyncIterable<Uint8Array> };
        const pieces: Uint8Array[] = [];
        if (Body) for await (const piece of Body) pieces.push(piece);
        told.push({ name, input: { ...rest, ...(Body && { body: Buffer.concat(pieces) }) } });
        return {} as never;
      },
    },
    serverUrl: () => 'http://127.0.0.1:1',
  });
}

/** A commit made in a folder of its own, and the request that pushes it to `main`. */
function aPush(files: Readonly<Record<string, string>> = { 'a.txt': 'a' }): { readonly commitId: string; readonly body: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-push-'));
  const git = (words: string[], input?: string) =>
    execFileSync('git', words, {
      cwd: folder,
      input,
      env: { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1' },
      maxBuffer: 1 << 26,
    });
  try {
    git(['init', '-q']);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    git(['add', '.']);
    git(['-c', 'user.name=Ada', '-c', 'user.email=a@b.c', 'commit', '-q', '-m', 'one']);
    const commitId = git(['rev-parse', 'HEAD']).toString().trim();
    const pack = git(['pack-objects', '--all', '--stdout', '-q'], '');
    const command = pktLine(`${'0'.repeat(40)} ${commitId} refs/heads/main\0 report-status`);
    return { commitId, body: Buffer.concat([command, FLUSH, pack]) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* piecesOf(body: Buffer, sizeBytes = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += sizeBytes) yield body.subarray(at, at + sizeBytes);
}

const reportOf = async (room: RepositoriesRoom, body: Buffer): Promise<string> => {
  const answer = await room.service.receivePack(CALLER, 'demo', piecesOf(body), 0);
  const report = parseReport(Buffer.from(answer), ['report-status']);
  return [`unpack ${report?.unpack}`, ...(report?.lines ?? [])].join(', ');
};

const repositoryName = 'demo';

test('a push is recorded with events and ledger entry, by whoever pushed, before it is answered', () =>
  withRoom(roomOver, async ({ room, call, store, settle }) => {
    const { repositoryMetadata } = await call('codecommit:CreateRepository', { repositoryName });
    const { commitId, body } = aPush();
    assert.equal(await reportOf(room, body), 'unpack ok, ok refs/heads/main');
    const { branch } = await call('codecommit:GetBranch', { repositoryName, branchName: 'main' });
    assert.equal(branch?.commitId, commitId);
    const [event, ...more] = await store.events({ afterSequence: 0, limit: 10 });
    assert.deepEqual(more, []);
    assert.deepEqual(event?.detail, {
      event: 'referenceCreated',
      repositoryName,
      repositoryId: repositoryMetadata?.repositoryId,
      referenceType: 'branch',
      referenceName: 'main',
      referenceFullName: 'refs/heads/main',
      commitId,
      callerUserArn: ADA,
    });
    assert.deepEqual(event?.resources, [`arn:aws:codecommit:${REGION}:${ACCOUNT}:demo`]);
    const last = (await store.ledger({ afterSequence: 0, limit: 10 })).at(-1)?.entry;
    assert.deepEqual([last?.actor, last?.action, last?.requestId], [ADA, 'codecommit:GitPush', 'push-1']);
    assert.deepEqual(last?.changes, { 'refs/heads/main': [null, commitId] });
    await settle();
    assert.deepEqual(await store.timers({ limit: 10 }), []);
    assert.match(await reportOf(room, body), /ng refs\/heads\/main/, 'what it is based on is no longer so');
    assert.equal((await store.events({ afterSequence: 0, limit: 10 })).length, 1);
  }));

test('a restart between receive-pack and the record: the next room records the push, once, by whom it was', () =>
  withRoom(
    (base) => {
      const room = roomOver(base, (git) => ({
        ...git,
        // the server is gone when receive-pack has ended
        async run(place, words, options) {
          const result = await git.run(place, words, options);
          return words.includes('receive-pack') ? new Promise(() => undefined) : result;
        },
      }));
      return { ...room, reconcilers: [] };
    },
    async ({ room, call, store, clock, folder }) => {
      await call('codecommit:CreateRepository', { repositoryName });
      const { commitId, body } = aPush();
      void reportOf(room, body);
      const place = join(folder, 'git', ACCOUNT, REGION);
      const references = () => (existsSync(place) ? readdirSync(place).map((id) => join(place, id, 'refs/heads/main')) : []);
      while (!references().some((path) => existsSync(path))) await new Promise((resolve) => setImmediate(resolve));
      const next = roomOver({ store, clock, folder });
      const again = callsOf(next.operations, () => clock.now());
      await assert.rejects(again('codecommit:GetBranch', { repositoryName, branchName: 'main' }), {
        code: 'BranchDoesNotExistException',
      });
      const loop = createReconcileLoop({ store, clock, log: SILENT });
      loop.register(next.reconcilers ?? []);
      await next.start?.();
      clock.advance(60_000);
      await loop.start();
      await loop.idle();
      const { branch } = await again('codecommit:GetBranch', { repositoryName, branchName: 'main' });
      assert.equal(branch?.commitId, commitId);
      const events = await store.events({ afterSequence: 0, limit: 10 });
      assert.deepEqual(
        events.map(({ detail }) => [detail['event'], detail['callerUserArn']]),
        [['referenceCreated', ADA]],
      );
      assert.deepEqual(await store.timers({ limit: 10 }), []);
      await loop.stop();
    },
  ));

test('locks and packs that a killed push has left stand in no later one’s way', () =>
  withRoom(roomOver, async ({ room, call, folder }) => {
    const { repositoryMetadata } = await call('codecommit:CreateRepository', { repositoryName });
    const path = join(folder, 'git', ACCOUNT, REGION, `${repositoryMetadata?.repositoryId}.git`);
    await room.service.advertise(CALLER, repositoryName, 'receive-pack', 0);
    for (const name of ['refs/heads/main.lock', 'HEAD.lock', 'objects/pack/tmp_pack_1', 'config.lock'])
      writeFileSync(join(path, name), '');
    const { body } = aPush();
    // the first is refused by the lock, and settling it removes what was left
    assert.match(await reportOf(room, body), /ng refs\/heads\/main/);
    assert.equal(await reportOf(room, body), 'unpack ok, ok refs/heads/main');
    assert.deepEqual(
      readdirSync(join(path, 'objects/pack')).filter((name) => name.startsWith('tmp_')),
      [],
    );
    assert.equal(existsSync(join(path, 'HEAD.lock')), false);
  }));

test('the archive of a commit has each file as it was committed, and the same bytes each time', () => {
  const told: Told[] = [];
  return withRoom(
    (base) => roomOver(base, undefined, told),
    async ({ room, call }) => {
      await call('codecommit:CreateRepository', { repositoryName });
      const files = { 'a.txt': '$Format:%H$', 'b.txt': 'b', '.gitattributes': 'a.txt export-subst\nb.txt export-ignore\n' };
      const { commitId, body } = aPush(files);
      await reportOf(room, body);
      const Archive = { bucket: 'artifacts', key: 'source.zip' };
      const input: InputOf<'codecommit:GetCommit'> & WithArchive = { repositoryName, commitId, Archive };
      for (let count = 0; count < 2; count += 1) await call('codecommit:GetCommit', input);
      const [first, second] = told.map(({ input: put }) => put as { Bucket: string; Key: string; body: Buffer });
      assert.deepEqual([first?.Bucket, first?.Key], ['artifacts', 'source.zip']);
      assert.deepEqual(first?.body, second?.body);
      const scratch = mkdtempSync(join(tmpdir(), 'slipway-zip-'));
      writeFileSync(join(scratch, 'x.zip'), first?.body ?? '');
      const script =
        'import json,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(json.dumps({n: z.read(n).decode() for n in z.namelist()}))';
      const found: unknown = JSON.parse(execFileSync('python3', ['-c', script, join(scratch, 'x.zip')]).toString());
      rmSync(scratch, { recursive: true, force: true });
      assert.deepEqual(found, files);
      await assert.rejects(call('codecommit:GetCommit', { ...input, commitId: '1'.repeat(40) }), {
        code: 'CommitIdDoesNotExistException',
      });
    },
  );
});

test('what is asked of a repository before its first push, or after a restore without its folder, is absent, not a fault', () =>
  withRoom(roomOver, async ({ call, store, clock, folder }) => {
    await call('codecommit:CreateRepository', { repositoryName });
    const id = 'a'.repeat(40);
    const absent = { code: 'CommitIdDoesNotExistException' };
    await assert.rejects(call('codecommit:GetCommit', { repositoryName, commitId: id }), absent);
    await assert.rejects(call('codecommit:GetBlob', { repositoryName, blobId: id }), { code: 'BlobIdDoesNotExistException' });
    rmSync(join(folder, 'git'), { recursive: true });
    const again = callsOf(roomOver({ store, clock, folder }).operations, () => clock.now());
    await assert.rejects(again('codecommit:GetCommit', { repositoryName, commitId: id }), absent);
  }));

test('many pushes end in few packs, and every object stays', () =>
  withRoom(roomOver, async ({ call, store, folder, settle }) => {
    const { repositoryMetadata } = await call('codecommit:CreateRepository', { repositoryName });
    let parentCommitId: string | undefined;
    const blobs: string[] = [];
    for (let count = 0; count < 43; count += 1) {
      const put = { repositoryName, branchName: 'main', filePath: 'a', fileContent: Buffer.from(`${count}`) };
      const made = await call('codecommit:PutFile', { ...put, ...(parentCommitId !== undefined && { parentCommitId }) });
      parentCommitId = made.commitId;
      blobs.push(made.blobId ?? '');
    }
    while ((await store.timers({ limit: 10 })).length > 0) await settle();
    const packs = readdirSync(join(folder, 'git', ACCOUNT, REGION, `${repositoryMetadata?.repositoryId}.git/objects/pack`));
    assert.ok(packs.filter((name) => name.endsWith('.pack')).length < 10, `${packs}`);
    for (const [count, blobId] of blobs.entries()) {
      const { content } = await call('codecommit:GetBlob', { repositoryName, blobId });
      assert.equal(Buffer.from(content ?? '').toString(), `${count}`);
    }
  }));

test('a deleted repository’s folder goes an hour later, and a new one of its name has nothing of it', () =>
  withRoom(roomOver, async ({ room, call, clock, folder }) => {
    await call('codecommit:CreateRepository', { repositoryName });
    await reportOf(room, aPush().body);
    const folders = () => readdirSync(join(folder, 'git', ACCOUNT, REGION)).length;
    await call('codecommit:DeleteRepository', { repositoryName });
    await call('codecommit:CreateRepository', { repositoryName });
    assert.deepEqual((await call('codecommit:ListBranches', { repositoryName })).branches, []);
    assert.equal(folders(), 1);
    clock.advance(3_600_001);
    while (folders() > 0) await new Promise((resolve) => setImmediate(resolve));
  }));
