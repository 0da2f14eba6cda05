import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Principal } from '../../platform/authorization/principal.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import { systemIds } from '../../platform/ids.ts';
import { reviewRoute } from './receive-message.ts';

const SECRET = 'a secret that both sides know';
const ARN = 'arn:aws:sagemaker:us-east-1:123456789012:model-package/tumour/1';
const REGISTERED = 1_800_000_000_000;
const MINUTE_MS = 60_000;

interface Setting {
  /** The package's status and all that it was set to. */
  readonly registry: { status: string; changedAtMs: number; readonly verdicts: string[] };
  send(status: string, timestamp?: number): Promise<{ status: number; text: string }>;
}

/** The route over HTTP; the registry is one package in memory, and answers nobody before so many messages are there. */
async function withHook(run: (setting: Setting) => Promise<void>, messages = 1): Promise<void> {
  let missing = messages;
  const { promise: allThere, resolve: told } = Promise.withResolvers<void>();
  const registry: Setting['registry'] = { status: 'PendingManualApproval', changedAtMs: REGISTERED, verdicts: [] };
  const call = async (_principal: Principal, _origin: object, name: string, input: { ModelApprovalStatus?: string }) => {
    await allThere;
    if (name === 'sagemaker:UpdateModelPackage') {
      registry.status = input.ModelApprovalStatus ?? '';
      registry.verdicts.push(registry.status);
    }
    return { ModelApprovalStatus: registry.status, CreationTime: REGISTERED, LastModifiedTime: registry.changedAtMs };
  };
  const review = { role: 'reviewer', secret: SECRET, approved: ['Approved'], rejected: ['Rejected'] };
  const route = reviewRoute({
    calls: { call } as unknown as Calls,
    ids: systemIds,
    roles: { assume: async () => ({}) as Principal },
    settings: { account: '123456789012', reviews: { tracker: review } },
  });
  const server = createServer((request, response) => {
    request.once('end', () => {
      missing -= 1;
      if (missing === 0) setImmediate(told); // when the last one's message was read, too
    });
    void route.handle(request, response, new URL(request.url ?? '/', 'http://slipway.invalid'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/_slipway/hooks/reviews/tracker`;
  try {
    await run({
      registry,
      async send(status, timestamp) {
        const body = JSON.stringify({
          ...(timestamp !== undefined && { timestamp }),
          webhookEvent: 'jira:issue_updated',
          issue: { key: 'MOD-12', fields: { description: ARN } },
          changelog: { items: [{ field: 'status', toString: status }] },
        });
        const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
        const answer = await fetch(url, { method: 'POST', headers: { 'x-hub-signature': signature }, body });
        return { status: answer.status, text: await answer.text() };
      },
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a message that was kept back decides nothing after the version was made to wait anew', () =>
  withHook(async ({ registry, send }) => {
    const decidedAtMs = REGISTERED + 5 * MINUTE_MS;
    assert.equal((await send('Approved', decidedAtMs)).status, 200);
    Object.assign(registry, { status: 'PendingManualApproval', changedAtMs: decidedAtMs + 30 * MINUTE_MS });
    const replayed = await send('Approved', decidedAtMs);
    assert.equal(replayed.status, 409);
    assert.match(replayed.text, /was changed after .* was decided/);
    assert.equal(registry.status, 'PendingManualApproval');
    assert.equal((await send('Approved', decidedAtMs + 40 * MINUTE_MS)).status, 200);
  }));

test('clocks that stand a little apart hold up no decision', () =>
  withHook(async ({ send }) => {
    assert.equal((await send('Approved', REGISTERED - 5_000)).status, 200);
  }));

test('a message that does not say when it was sent is refused: it could be of any time', () =>
  withHook(async ({ registry, send }) => {
    assert.equal((await send('Approved')).status, 422);
    assert.deepEqual(registry.verdicts, []);
  }));

test('of messages that come at once the first decides', () =>
  withHook(async ({ registry, send }) => {
    const answers = await Promise.all(['Approved', 'Rejected', 'Approved'].map((status) => send(status, REGISTERED + MINUTE_MS)));
    assert.equal(registry.verdicts.length, 1);
    assert.equal(answers.filter(({ status, text }) => status === 200 && /is (Approved|Rejected)\.$/.test(text)).length, 1);
  }, 3));
