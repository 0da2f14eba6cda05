import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createGit } from '../../backends/git/git-folders.ts';
import { ACCOUNT, callsOf, REGION, type RoomBase, type RoomCall, withRoom } from '../../platform/calls/room-rig.ts';
import { systemIds } from '../../platform/ids.ts';
import type { WithArchive } from '../../platform/ports/commit-archive.ts';
import type { Git } from '../../platform/ports/git.ts';
import type { GitCaller } from '../../platform/ports/git-service.ts';
import type { OutgoingHttp } from '../../platform/ports/outgoing-http.ts';
import { DEFAULT_SETTINGS } from '../../platform/settings.ts';
import type { Store } from '../../platform/store/port.ts';
import { FLUSH, parseReport, pktLine } from './decide-push.ts';
import { type RepositoryDocument, repositoryKey } from './resources.ts';
import { createRepositoriesRoom } from './room.ts';

/** Changes of references that meet each other, over a real store and real git. */

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const CALLER: GitCaller = {
  principal: { kind: 'user', account: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:user/ada`, userId: 'AIDAADA', name: 'ada' },
  region: REGION,
  requestId: 'push-1',
};
const repositoryName = 'demo';
const ZERO = '0'.repeat(40);

interface Changed {
  readonly git?: (git: Git) => Git;
  readonly store?: Store;
  readonly outgoing?: OutgoingHttp;
  /** Bodies of the objects that the room put into S3. */
  readonly put?: Buffer[];
}

const roomOver = (base: RoomBase, { git = (own) => own, store = base.store, put = [], outgoing }: Changed = {}) =>
  createRepositoriesRoom({
    ...base,
    store,
    git: git(createGit({ folder: join(base.folder, 'git'), ids: systemIds })),
    ids: systemIds,
    log: SILENT,
    settings: DEFAULT_SETTINGS,
    authorizer: { authorize: async () => ({ allowed: true }) },
    calls: {
      async call(_principal, _origin, _name, input) {
        const pieces: Uint8Array[] = [];
        for await (const piece of (input as { Body: AsyncIterable<Uint8Array> }).Body) pieces.push(piece);
        put.push(Buffer.concat(pieces));
        return {} as never;
      },
    },
    serverUrl: () => 'http://127.0.0.1:1',
    ...(outgoing && { outgoing }),
  });

/** A file committed on top of what the branch has; the commit's id. */
async function commitOf(
  call: RoomCall,
  path: string,
  text: string,
  branchName = 'main',
  parentCommitId?: string,
): Promise<string> {
  const fileContent = Buffer.from(text);
  const parent = parentCommitId === undefined ? {} : { parentCommitId };
  const input = { repositoryName, branchName, filePath: path, fileContent, ...parent };
  return (await call('codecommit:PutFile', input)).commitId ?? '';
}

const EMPTY_PACK = Buffer.from('5041434b0000000200000000', 'hex');
const pack = Buffer.concat([EMPTY_PACK, createHash('sha1').update(EMPTY_PACK).digest()]);
const pushHead = (before: string, after: string, name: string): Buffer =>
  Buffer.concat([pktLine(`${before} ${after} ${name}\0 report-status`), FLUSH]);
const linesOf = (answer: Uint8Array): string => parseReport(Buffer.from(answer), ['report-status'])?.lines.join(', ') ?? '';

test('a branch that is protected while its push is still being sent is not rewritten by it', () =>
  withRoom(roomOver, async ({ room, call }) => {
    await call('codecommit:CreateRepository', { repositoryName });
    const first = await commitOf(call, 'a', '1');
    const second = await commitOf(call, 'a', '2', 'main', first);
    const resourceArn = `arn:aws:codecommit:${REGION}:${ACCOUNT}:${repositoryName}`;
    const sent = async function* () {
      yield pushHead(second, first, 'refs/heads/main');
      await call('codecommit:TagResource', { resourceArn, tags: { 'slipway:protected': 'main' } });
      yield pack;
    };
    assert.match(linesOf(await room.service.receivePack(CALLER, repositoryName, sent(), 0)), /^ng refs\/heads\/main/);
    const { branch } = await call('codecommit:GetBranch', { repositoryName, branchName: 'main' });
    assert.equal(branch?.commitId, second);
    const followed = async function* () {
      yield pushHead(first, ZERO, 'refs/heads/other');
      await call('codecommit:TagResource', { resourceArn, tags: { 'slipway:follow': 'http://127.0.0.1:9/x.git' } });
    };
    assert.match(linesOf(await room.service.receivePack(CALLER, repositoryName, followed(), 0)), /follows http/);
  }));

test('the commands of a push may come byte by byte', { timeout: 30_000 }, () =>
  withRoom(roomOver, async ({ room, call }) => {
    await call('codecommit:CreateRepository', { repositoryName });
    const lines = Array.from({ length: 4_000 }, (_, at) =>
      pktLine(`${ZERO} ${'1'.repeat(40)} refs/${at}${at === 0 ? '\0 report-status' : ''}`),
    );
    const head = Buffer.concat([...lines, FLUSH]);
    const sent = async function* () {
      for (let at = 0; at < head.length; at += 1) yield head.subarray(at, at + 1);
    };
    const refused = linesOf(await room.service.receivePack(CALLER, repositoryName, sent(), 0));
    assert.equal(refused.split(', ').length, 4_000);
  }),
);

test('a branch that becomes the default while its deletion waits for its turn is not deleted', () => {
  const gate = Promise.withResolvers<void>();
  const held = (git: Git): Git => ({
    ...git,
    async run(place, words, options) {
      if (words.includes('refs/heads/slow')) await gate.promise;
      return git.run(place, words, options);
    },
  });
  return withRoom(
    (base) => roomOver(base, { git: held }),
    async ({ call }) => {
      await call('codecommit:CreateRepository', { repositoryName });
      const commitId = await commitOf(call, 'a', '1');
      await call('codecommit:CreateBranch', { repositoryName, branchName: 'next', commitId });
      const slow = call('codecommit:CreateBranch', { repositoryName, branchName: 'slow', commitId });
      const look = () => call('codecommit:GetBranch', { repositoryName, branchName: 'next' });
      await look();
      const named = call('codecommit:UpdateDefaultBranch', { repositoryName, defaultBranchName: 'next' });
      await look();
      const deleted = call('codecommit:DeleteBranch', { repositoryName, branchName: 'next' });
      await look();
      gate.resolve();
      await Promise.all([slow, named, assert.rejects(deleted, { code: 'DefaultBranchCannotBeDeletedException' })]);
      await look();
    },
  );
});

test('a commit answers with itself, whatever became of its branch meanwhile', () => {
  let recorded = false;
  let other: RoomCall | undefined;
  return withRoom(
    (base) => {
      const store: Store = {
        ...base.store,
        async commit(commit) {
          const result = await base.store.commit(commit);
          recorded ||=
            commit.ledger?.some(({ action, changes }) => action === 'codecommit:PutFile' && 'refs/heads/x' in (changes ?? {})) ??
            false;
          return result;
        },
        async get(key) {
          // what comes first after the commit's record: its branch is deleted by another
          if (recorded && other && key.name === repositoryName) {
            const deleting = other;
            other = undefined;
            await deleting('codecommit:DeleteBranch', { repositoryName, branchName: 'x' });
          }
          return base.store.get(key);
        },
      };
      other = callsOf(roomOver(base).operations, () => base.clock.now());
      return roomOver(base, { store });
    },
    async ({ call }) => {
      await call('codecommit:CreateRepository', { repositoryName });
      const parent = await commitOf(call, 'a', '1');
      await call('codecommit:CreateBranch', { repositoryName, branchName: 'x', commitId: parent });
      const commitId = await commitOf(call, 'a', '2', 'x', parent);
      const { commit } = await call('codecommit:GetCommit', { repositoryName, commitId });
      assert.deepEqual(commit?.parents, [parent]);
    },
  );
});

const PROGRAM = `
import io, json, sys, zipfile
archive = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
print(json.dumps({name: archive.read(name).decode("latin-1") for name in archive.namelist()}))`;

test('an archive has every file as it was committed, whatever the commit says of it', () => {
  const put: Buffer[] = [];
  return withRoom(
    (base) => roomOver(base, { put }),
    async ({ call }) => {
      await call('codecommit:CreateRepository', { repositoryName });
      const text = '$Id$ $Format:%H$\nü\n';
      const attributes = '* text eol=crlf ident working-tree-encoding=UTF-16 export-subst\nb export-ignore\n';
      const first = await commitOf(call, 'a', text);
      const second = await commitOf(call, 'b', text, 'main', first);
      const commitId = await commitOf(call, '.gitattributes', attributes, 'main', second);
      const input: { repositoryName: string; commitId: string } & WithArchive = {
        repositoryName,
        commitId,
        Archive: { bucket: 'b', key: 'k' },
      };
      await call('codecommit:GetCommit', input);
      const found: unknown = JSON.parse(execFileSync('python3', ['-c', PROGRAM], { input: put[0], encoding: 'utf8' }));
      const same = Buffer.from(text).toString('latin1');
      assert.deepEqual(found, { '.gitattributes': attributes, a: same, b: same });
    },
  );
});

test('differences that git cannot tell are no empty list', () =>
  withRoom(roomOver, async ({ call, ...base }) => {
    const { repositoryMetadata } = await call('codecommit:CreateRepository', { repositoryName });
    await commitOf(call, 'a', '1');
    const { blobId = '' } = await call('codecommit:GetFile', { repositoryName, filePath: 'a' });
    const place = { account: ACCOUNT, region: REGION, id: repositoryMetadata?.repositoryId ?? '' };
    const git = createGit({ folder: join(base.folder, 'git'), ids: systemIds });
    assert.equal((await git.run(place, ['update-ref', 'refs/tags/odd', blobId])).exitCode, 0);
    const again = callsOf(roomOver(base).operations, () => base.clock.now());
    await assert.rejects(again('codecommit:GetDifferences', { repositoryName, afterCommitSpecifier: 'odd' }), {
      code: 'CommitDoesNotExistException',
    });
  }));

test('differences of a path, of a folder that was renamed, and of one that is nowhere', () =>
  withRoom(roomOver, async ({ call }) => {
    await call('codecommit:CreateRepository', { repositoryName });
    const first = await commitOf(call, 'old/a.txt', '1');
    const moved = { filePath: 'new/a.txt', fileContent: Buffer.from('2') };
    const input = {
      repositoryName,
      branchName: 'main',
      parentCommitId: first,
      putFiles: [moved],
      deleteFiles: [{ filePath: 'old/a.txt' }],
    };
    await call('codecommit:CreateCommit', input);
    const between = { repositoryName, beforeCommitSpecifier: first, afterCommitSpecifier: 'main' };
    const renamed = await call('codecommit:GetDifferences', { ...between, beforePath: 'old', afterPath: '/new/' });
    const shown = renamed.differences?.map(({ changeType, beforeBlob, afterBlob }) => [
      changeType,
      beforeBlob?.path,
      afterBlob?.path,
    ]);
    assert.deepEqual(shown, [['M', 'a.txt', 'a.txt']]);
    const gone = await call('codecommit:GetDifferences', { ...between, afterPath: 'old' });
    assert.deepEqual(
      gone.differences?.map(({ changeType, beforeBlob }) => [changeType, beforeBlob?.path]),
      [['D', 'old/a.txt']],
    );
    const root = await call('codecommit:GetDifferences', { ...between, afterPath: '/' });
    assert.equal(root.differences?.length, 2);
    for (const paths of [{ afterPath: 'nowhere' }, { beforePath: 'nowhere', afterPath: 'new' }]) {
      await assert.rejects(call('codecommit:GetDifferences', { ...between, ...paths }), { code: 'PathDoesNotExistException' });
    }
  }));

test('branches that are merged may be named in full', () =>
  withRoom(roomOver, async ({ call }) => {
    await call('codecommit:CreateRepository', { repositoryName });
    const first = await commitOf(call, 'a', '1');
    await call('codecommit:CreateBranch', { repositoryName, branchName: 'next', commitId: first });
    const second = await commitOf(call, 'a', '2', 'next', first);
    const input = { repositoryName, sourceCommitSpecifier: 'refs/heads/next', destinationCommitSpecifier: 'refs/heads/main' };
    assert.equal((await call('codecommit:MergeBranchesByFastForward', input)).commitId, second);
    assert.equal((await call('codecommit:GetBranch', { repositoryName, branchName: 'main' })).branch?.commitId, second);
  }));

/** A repository of another host, by git's plain protocol: its files, as they are. */
async function withRemote(
  run: (remote: { readonly url: string; git(...words: string[]): string }) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-remote-'));
  const env = { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  const names = ['-c', 'user.name=Ada', '-c', 'user.email=a@b.c'];
  const git = (...words: string[]) => {
    const output = execFileSync('git', [...names, ...words], { cwd: folder, env, encoding: 'utf8' }).trim();
    execFileSync('git', ['update-server-info'], { cwd: folder, env });
    return output;
  };
  const server = createServer((request, response) => {
    const path = join(folder, '.git', new URL(request.url ?? '/', 'http://x').pathname);
    if (existsSync(path) && statSync(path).isFile()) response.end(readFileSync(path));
    else response.writeHead(404).end();
  });
  try {
    execFileSync('git', ['init', '-q', '-b', 'main'], { cwd: folder, env });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await run({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, git });
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a protected branch that follows another repository is neither rewritten nor deleted by it', () =>
  withRemote(({ url, git }) => {
    const outgoing = { addressesOf: async () => ['127.0.0.1'] } as unknown as OutgoingHttp;
    return withRoom(
      (base) => roomOver(base, { outgoing }),
      async ({ call, clock, settle, store }) => {
        const commit = (message: string) => {
          git('commit', '-q', '--allow-empty', '-m', message);
          return git('rev-parse', 'HEAD');
        };
        const first = commit('one');
        git('branch', 'other');
        const tags = { 'slipway:follow': url, 'slipway:follow-seconds': '60', 'slipway:protected': 'main never' };
        await call('codecommit:CreateRepository', { repositoryName, tags });
        const followed = async () => {
          clock.advance(61_000);
          await settle();
          const { branches = [] } = await call('codecommit:ListBranches', { repositoryName });
          const tips: Record<string, string> = {};
          for (const branchName of branches) {
            tips[branchName] = (await call('codecommit:GetBranch', { repositoryName, branchName })).branch?.commitId ?? '';
          }
          const row = await store.get<RepositoryDocument>(repositoryKey({ account: ACCOUNT, region: REGION }, repositoryName));
          return { tips, problem: row?.document.follow?.problem };
        };
        assert.deepEqual(await followed(), { tips: { main: first, other: first }, problem: undefined });
        const second = commit('two');
        assert.deepEqual(await followed(), { tips: { main: second, other: first }, problem: undefined });
        git('reset', '-q', '--hard', first);
        const third = commit('three');
        git('branch', '-f', 'other', third);
        const rewritten = await followed();
        assert.deepEqual(rewritten.tips, { main: second, other: third });
        assert.match(rewritten.problem ?? '', /main is protected .* rewritten/);
        git('checkout', '-q', 'other');
        git('branch', '-D', 'main');
        const deleted = await followed();
        assert.deepEqual(deleted.tips, { main: second, other: third });
        assert.match(deleted.problem ?? '', /main is protected .* deleted/);
      },
    );
  }));

test('tags are set by the ARN that policies name only', () =>
  withRoom(roomOver, async ({ call }) => {
    await call('codecommit:CreateRepository', { repositoryName });
    const resourceArn = `arn:aws-cn:codecommit:${REGION}:${ACCOUNT}:${repositoryName}`;
    const refused = { code: 'InvalidResourceArnException' };
    await assert.rejects(call('codecommit:TagResource', { resourceArn, tags: { a: 'b' } }), refused);
    await assert.rejects(call('codecommit:UntagResource', { resourceArn, tagKeys: ['a'] }), refused);
    await assert.rejects(call('codecommit:ListTagsForResource', { resourceArn }), refused);
  }));
