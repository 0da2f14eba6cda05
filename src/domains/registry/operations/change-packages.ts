import type { UpdateModelPackageInput } from '../../../contract/generated/sagemaker.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import type { Json } from '../../../platform/json.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import type { PinnedArtifact } from '../../../platform/objects/pin.ts';
import { absentError } from '../../../platform/resources/declaration.ts';
import { tagsKey } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Commit } from '../../../platform/store/port.ts';
import { type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { userContext } from '../../../platform/calls/user-context.ts';
import { rejectionError } from '../../../platform/errors/rejection.ts';
import { decideUpdate } from '../decide-package.ts';
import { packageEvent } from '../describe-package.ts';
import { named } from '../names.ts';
import { pinArtifacts, withImageDigests } from '../pins.ts';
import type { RegistryPorts } from '../ports.ts';
import { MODEL_PACKAGE, type PackageDocument } from '../resources.ts';
import { packageWrite } from '../rows.ts';

export const updateModelPackage = ({ store, calls, settings, runtimes }: RegistryPorts) =>
  operation('sagemaker:UpdateModelPackage', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'sagemaker:UpdateModelPackage',
        resources: [named(MODEL_PACKAGE, context, input.ModelPackageArn).arn],
        ...(input.ModelApprovalStatus && { context: { 'sagemaker:ModelApprovalStatus': input.ModelApprovalStatus } }),
      },
    ],
    async handle(input, context) {
      const { key, name } = named(MODEL_PACKAGE, context, input.ModelPackageArn);
      const added = [
        ...(input.InferenceSpecification ? [input.InferenceSpecification] : []),
        ...(input.AdditionalInferenceSpecificationsToAdd ?? []),
      ];
      const pinned = await pinArtifacts(calls, context, added);
      const kept = withImageDigests(runtimes, input);
      return decideAndCommit(store, async () => {
        const row = await readRow<PackageDocument>(store, key);
        if (!row) throw absentError(MODEL_PACKAGE, context, name);
        const decision = decideUpdate(row.document, kept, { approvalRequired: settings.approval === 'required' });
        if (decision.rejection) throw rejectionError(decision.rejection);
        const document: PackageDocument = { ...decision.document, artifacts: withPins(row.document.artifacts, pinned) };
        return { result: { ModelPackageArn: document.ModelPackageArn }, commit: updateCommit(row, document, input, context) };
      });
    },
  });

/** What a URI means is settled by the newest specification that names it. */
function withPins(before: readonly PinnedArtifact[], pinned: readonly PinnedArtifact[]): readonly PinnedArtifact[] {
  const renewed = new Set(pinned.map(({ uri }) => uri));
  return pinned.length === 0 ? before : [...before.filter(({ uri }) => !renewed.has(uri)), ...pinned];
}

function updateCommit(
  row: Read<PackageDocument>,
  after: PackageDocument,
  input: UpdateModelPackageInput,
  context: OperationContext,
): Commit | undefined {
  const changes = changedMembers(row.document, after);
  if (Object.keys(changes).length === 0) return undefined;
  const document: PackageDocument = { ...after, LastModifiedTime: context.nowMs, LastModifiedBy: userContext(context) };
  const entry = entryOf(context, context.operation, [document.ModelPackageArn], changes);
  return {
    expect: [{ key: row.key, version: row.version }],
    write: [packageWrite(row.key, document)],
    events: [packageEvent(document, context, context.nowMs, { changed: fieldsOf(changes) })],
    ledger: [input.ApprovalDescription === undefined ? entry : { ...entry, reason: input.ApprovalDescription }],
  };
}

/** Members as the API names them; what we keep besides stays out of events. */
const fieldsOf = (changes: object): string[] => Object.keys(changes).filter((member) => /^[A-Z]/.test(member));

export const deleteModelPackage = ({ store }: RegistryPorts) =>
  operation('sagemaker:DeleteModelPackage', {
    effect: 'change',
    needs: ({ ModelPackageName }, context) => [
      { action: 'sagemaker:DeleteModelPackage', resources: [named(MODEL_PACKAGE, context, ModelPackageName).arn] },
    ],
    async handle({ ModelPackageName }, context) {
      const { key, name } = named(MODEL_PACKAGE, context, ModelPackageName);
      return decideAndCommit(store, async (count) => {
        const row = await readRow<PackageDocument>(store, key);
        if (!row && count > 0) return { result: {} };
        if (!row) throw absentError(MODEL_PACKAGE, context, name);
        const { document } = row;
        const { ModelPackageArn } = document;
        return {
          result: {},
          commit: {
            expect: [{ key, version: row.version }],
            remove: [key, tagsKey(ModelPackageArn)],
            events: [packageEvent(document, context, context.nowMs, { status: 'Deleting' })],
            ledger: [
              entryOf(context, context.operation, [ModelPackageArn], {
                ModelPackageStatus: [document.ModelPackageStatus, null],
                ...(document.ModelApprovalStatus && { ModelApprovalStatus: [document.ModelApprovalStatus, null] as const }),
                artifacts: [document.artifacts as unknown as Json, null],
              }),
            ],
          },
        };
      });
    },
  });
