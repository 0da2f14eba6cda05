import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { removal } from '../reconcile-deletion.ts';
import { SECRET_DELETION, type SecretDocument } from '../resources.ts';
import { findSecret, readLiveSecret, readSecret, secretNeeds, unmadeArn } from '../secret-access.ts';
import type { SecretsPorts } from '../ports.ts';

const DAY_MS = 24 * 3600 * 1000;
const WINDOW_DAYS_DEFAULT = 30;

type Ended = { ARN: string; Name: string; DeletionDate: number };

export const deleteSecret = (ports: SecretsPorts): Operation<'secretsmanager:DeleteSecret'> =>
  operation('secretsmanager:DeleteSecret', {
    effect: 'change',
    needs: (input, context) =>
      secretNeeds(ports.store, context, 'secretsmanager:DeleteSecret', input.SecretId, {
        'secretsmanager:ForceDeleteWithoutRecovery': String(input.ForceDeleteWithoutRecovery ?? false),
        ...(input.RecoveryWindowInDays !== undefined && {
          'secretsmanager:RecoveryWindowInDays': String(input.RecoveryWindowInDays),
        }),
      }),
    async handle(input, context) {
      const { RecoveryWindowInDays: days = WINDOW_DAYS_DEFAULT, ForceDeleteWithoutRecovery: force } = input;
      if (days < 7 || days > 30) {
        throw new ServiceError(
          'InvalidParameterException',
          'The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).',
        );
      }
      if (force && input.RecoveryWindowInDays !== undefined) {
        throw new ServiceError(
          'InvalidParameterException',
          "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        );
      }
      if (force) return decideAndCommit<Ended>(ports.store, () => removeAtOnce(ports, context, input.SecretId));
      return decideAndCommit<Ended>(ports.store, async (count) => {
        const found = count > 0 ? await readSecret(ports.store, context, input.SecretId) : undefined;
        const own = found?.document.deletion;
        // on a second look it may be our own commit whose answer was lost
        if (found && own?.requestedAtMs === context.nowMs) {
          return { result: { ARN: found.document.arn, Name: found.document.name, DeletionDate: own.dueAtMs } };
        }
        const { key, version, document, index } = await readLiveSecret(ports.store, context, input.SecretId);
        const dueAtMs = context.nowMs + days * DAY_MS;
        const ended: SecretDocument = { ...document, deletion: { requestedAtMs: context.nowMs, dueAtMs } };
        return {
          commit: {
            expect: [{ key, version }],
            write: [{ key, document: ended, index }],
            timers: [{ reconciler: SECRET_DELETION, key, dueAtMs }],
            ledger: [entryOf(context, 'secretsmanager:DeleteSecret', [document.arn], { deletionAtMs: [null, dueAtMs] })],
          },
          result: { ARN: document.arn, Name: document.name, DeletionDate: dueAtMs },
        };
      });
    },
  });

/** AWS: what is not there, or waits for its end, is no fault here. */
async function removeAtOnce(ports: SecretsPorts, context: Parameters<typeof findSecret>[1], text: string) {
  const row = await findSecret(ports.store, context, text);
  const name = row?.document.name ?? text;
  const result = {
    ARN: row?.document.arn ?? unmadeArn(context, text).replaceAll('?', '0'),
    Name: name,
    DeletionDate: context.nowMs,
  };
  if (!row) return { result };
  const ledger = [entryOf(context, 'secretsmanager:DeleteSecret', [row.document.arn], { name: [name, null] })];
  return { commit: { ...removal(row), ledger }, result };
}

export const restoreSecret = (ports: SecretsPorts): Operation<'secretsmanager:RestoreSecret'> =>
  operation('secretsmanager:RestoreSecret', {
    effect: 'change',
    needs: (input, context) => secretNeeds(ports.store, context, 'secretsmanager:RestoreSecret', input.SecretId),
    async handle(input, context) {
      return decideAndCommit<{ ARN: string; Name: string }>(ports.store, async () => {
        const { key, version, document, index } = await readSecret(ports.store, context, input.SecretId);
        const { deletion, ...restored } = document;
        const result = { ARN: document.arn, Name: document.name };
        if (!deletion) return { result };
        return {
          commit: {
            expect: [{ key, version }],
            write: [{ key, document: restored, index }],
            timers: [{ reconciler: SECRET_DELETION, key, dueAtMs: null }],
            ledger: [
              entryOf(context, 'secretsmanager:RestoreSecret', [document.arn], { deletionAtMs: [deletion.dueAtMs, null] }),
            ],
          },
          result,
        };
      });
    },
  });
