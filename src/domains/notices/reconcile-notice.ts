import type { InputOf } from '../../contract/operations.ts';
import { type NoticeDocument, NOTICE, principalOfRow } from '../../platform/notices.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { WithSource } from '../../platform/ports/invocation.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import type { Row } from '../../platform/store/port.ts';
import type { NoticePorts } from './ports.ts';

/** A receiver that refuses is asked again for a while: its queue or its right may be made in a moment. */
const ATTEMPTS_MAX = 6;
const FIRST_WAIT_MS = 1_000;

/** Sends, then removes: dying in between sends again, as queues and functions of AWS also may get an event twice. */
export const noticeReconciler = (ports: NoticePorts): Reconciler => ({
  name: NOTICE,
  async reconcile(key) {
    const row = await ports.store.get<NoticeDocument>(key);
    if (!row) return;
    try {
      await send(ports, key, row.document);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      await refused(ports, row, error);
      return;
    }
    await ports.store.commit({
      expect: [{ key, version: row.version }],
      remove: [key],
      timers: [{ reconciler: NOTICE, key, dueAtMs: null }],
    });
  },
});

async function send({ calls }: NoticePorts, key: ResourceKey, { to, body, sender, about }: NoticeDocument): Promise<void> {
  const arn = parseArn(to.arn);
  const origin = { region: arn?.region || key.region, requestId: key.name };
  if (to.kind === 'function') {
    const service = `${parseArn(about)?.service}.amazonaws.com`;
    const input: InputOf<'lambda:Invoke'> & WithSource = {
      FunctionName: to.arn,
      InvocationType: 'Event',
      Payload: Buffer.from(body),
      Source: { service, arn: about, account: key.account },
    };
    await calls.call(principalOfRow(sender), origin, 'lambda:Invoke', input);
    return;
  }
  const QueueUrl = `https://sqs.${origin.region}.amazonaws.com/${arn?.account}/${arn?.resource}`;
  await calls.call(principalOfRow(sender), origin, 'sqs:SendMessage', { QueueUrl, MessageBody: body });
}

async function refused({ store, clock }: NoticePorts, row: Row<NoticeDocument>, error: ServiceError): Promise<void> {
  const { key, version, document, index } = row;
  const attempts = document.attempts + 1;
  const nowMs = clock.now();
  if (attempts < ATTEMPTS_MAX) {
    await store.commit({
      expect: [{ key, version }],
      write: [{ key, document: { ...document, attempts }, index: { ...index, modifiedAtMs: nowMs } }],
      timers: [{ reconciler: NOTICE, key, dueAtMs: nowMs + FIRST_WAIT_MS * 2 ** attempts }],
    });
    return;
  }
  await store.commit({
    expect: [{ key, version }],
    remove: [key],
    timers: [{ reconciler: NOTICE, key, dueAtMs: null }],
    ledger: [
      ownEntry('notices', key, {
        timeMs: nowMs,
        action: 'slipway:Notice.Dropped',
        resources: [document.about, document.to.arn],
        changes: { attempts: [document.attempts, attempts] },
        reason: `${error.code}: ${error.message}`,
      }),
    ],
  });
}
