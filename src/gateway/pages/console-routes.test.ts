import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Credential } from '../../platform/authorization/port.ts';
import type { Dispatcher } from '../../platform/calls/dispatch.ts';
import { systemIds } from '../../platform/ids.ts';
import { createSqliteStore } from '../../platform/store/sqlite/sqlite-store.ts';
import { createVirtualClock } from '../../platform/virtual-clock.ts';
import { createTokenReconciler, EXPIRY_RECONCILER } from '../../platform/idempotency.ts';
import { presignUrl } from '../signature/sign.ts';
import { createConsoleRoutes } from './console-routes.ts';

const HOUR_MS = 3_600_000;
const arn = 'arn:aws:iam::123456789012:user/admin';
const USER: Credential = {
  secretAccessKey: 'secret',
  principal: { kind: 'user', account: '123456789012', arn, userId: 'AIDA', name: 'admin' },
};
const ROLE = { ...USER, principal: { ...USER.principal, kind: 'role' } } as unknown as Credential;

suite('sessions of the page, on a clock and keys of our own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-pages-'));
  const clock = createVirtualClock(Date.parse('2026-03-01T12:00:00Z'));
  const store = createSqliteStore({ path: join(folder, 'store.db'), clock });
  const keys = new Map([
    ['AKIA', USER],
    ['ASIA', ROLE],
  ]);
  const server = createServer();
  let url: URL;

  before(async () => {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const routes = createConsoleRoutes({
      dispatcher: {} as Dispatcher, // nothing here gets as far as an operation
      services: [],
      identities: { policiesOf: async () => [], credential: async (id) => keys.get(id) },
      store,
      clock,
      ids: systemIds,
      sessionKey: Buffer.alloc(32, 7),
      consoleFolder: resolve(import.meta.dirname, '../../../console'),
      ownUrl: () => url,
      runtimeUrl: () => url,
      log: () => {},
    });
    server.on('request', (request, response) => void routes[1]?.handle(request, response, new URL(request.url ?? '', url)));
  });
  after(async () => {
    server.close();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const link = (accessKeyId = 'AKIA'): URL =>
    presignUrl({
      method: 'GET',
      url: new URL(`/_slipway/ui/session?nonce=${systemIds.uuid()}`, url),
      service: 'slipway',
      region: 'us-east-1',
      expiresSeconds: 300,
      credentials: { accessKeyId, secretAccessKey: 'secret' },
      nowMs: clock.now(),
    });
  const signIn = async (): Promise<string> => (await fetch(link())).headers.get('set-cookie')?.split(';')[0] ?? '';
  const statusWith = async (cookie: string): Promise<number> =>
    (await fetch(new URL('/_slipway/ui/identity', url), { headers: { cookie } })).status;

  test('a link is over after five minutes', async () => {
    const [early, late] = [link(), link()];
    clock.advance(300_000);
    assert.equal((await fetch(early)).status, 200);
    clock.advance(1_000);
    assert.equal((await fetch(late)).status, 403);
  });

  test('a session is over after twelve hours', async () => {
    const cookie = await signIn();
    assert.equal(await statusWith(cookie), 200);
    clock.advance(12 * HOUR_MS - 1);
    assert.equal(await statusWith(cookie), 200);
    clock.advance(1);
    assert.equal(await statusWith(cookie), 401);
  });

  test('a session ends with its access key', async () => {
    const cookie = await signIn();
    const unused = link();
    keys.delete('AKIA');
    assert.equal(await statusWith(cookie), 401);
    assert.equal((await fetch(unused)).status, 403);
    keys.set('AKIA', USER);
    assert.equal(await statusWith(cookie), 200);
  });

  test('a role session cannot sign a browser in', async () => {
    const answer = await fetch(link('ASIA'));
    assert.deepEqual([answer.status, answer.headers.get('set-cookie')], [403, null]);
  });

  test('a used link is forgotten when it could no longer be used, not before; the ledger keeps it', async () => {
    const used = link();
    await fetch(used);
    const name = used.searchParams.get('X-Amz-Signature');
    const timer = (await store.timers({ limit: 1000 })).find(({ key }) => key.name === name);
    assert.equal(timer?.reconciler, EXPIRY_RECONCILER);
    assert.ok(timer.dueAtMs > clock.now() + 300_000);
    clock.advance(timer.dueAtMs - clock.now());
    await createTokenReconciler(store, clock).reconcile(timer.key);
    assert.equal(await store.get(timer.key), undefined);
    assert.equal((await fetch(used)).status, 403);
    const entries = (await store.ledger({ afterSequence: 0, limit: 1000 })).map(({ entry }) => [entry.action, entry.actor]);
    assert.ok(entries.length > 0);
    for (const entry of entries) assert.deepEqual(entry, ['slipway:OpenBrowserSession', arn]);
  });
});
