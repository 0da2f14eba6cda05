import { type Check, keyOfArn, listOf, type RowChange, shown, textOf, type Watched } from './check.ts';
import { keyText, type ResourceKey } from '../../../src/platform/resource-key.ts';

/** `approval: required`, followed from what is to be served by name to the package, as a person would with Describe calls. */
export function checkApprovedOnly(watched: Watched): Check {
  const { disk } = watched;
  const history = new Map<string, (readonly [atMs: number, status: string | undefined])[]>();
  /** A call that began before a rejection may come before it: what counts is its own time. */
  const wasApproved = (text: string, sinceMs: number): boolean => {
    const known = history.get(text) ?? [];
    const from = known.findLastIndex(([atMs]) => atMs < sinceMs);
    return known.slice(Math.max(0, from)).some(([, status]) => status === 'Approved');
  };
  const remember = ({ key, after }: RowChange): void => {
    if (key.kind !== 'ModelPackage') return;
    const status = textOf(after?.document, 'ModelApprovalStatus');
    history.set(keyText(key), [...(history.get(keyText(key)) ?? []), [watched.nowMs(), status]]);
  };
  const packageProblems = (key: ResourceKey, container: unknown, sinceMs: number): string[] => {
    const arn = textOf(container, 'ModelPackageName');
    if (arn === undefined) return [];
    const named = arn.startsWith('arn:') ? keyOfArn(arn, 'ModelPackage') : { ...key, kind: 'ModelPackage', name: arn };
    const found = disk.rows.get({ ...named, name: named.name.toLowerCase() }) ?? disk.rows.get(named);
    const status = found && textOf(found.document, 'ModelApprovalStatus');
    // a package that is in no group has none
    if (!found || status === undefined || status === 'Approved' || wasApproved(keyText(found.key), sinceMs)) return [];
    return [`${shown(key)} begins to serve ${arn}, which is ${status}`];
  };
  const modelProblems = (key: ResourceKey, modelName: string | undefined, sinceMs: number): string[] => {
    const model = disk.rows.get({ ...key, kind: 'Model', name: modelName ?? '' });
    const containers = [
      ...listOf(model?.document, 'Containers'),
      (model?.document as { PrimaryContainer?: unknown })?.PrimaryContainer,
    ];
    return containers.flatMap((container) => packageProblems(key, container, sinceMs));
  };
  const configOf = ({ document }: { readonly document: unknown }): string | undefined =>
    textOf(document, 'deploying', 'configName') ?? textOf(document, 'serving', 'configName');
  const problemsOf = ({ key, before, after }: RowChange, sinceMs: number): string[] => {
    if (!after) return [];
    if (key.kind === 'Model' && !before) return modelProblems(key, key.name, sinceMs);
    if (key.kind === 'TransformJob' && !before)
      return modelProblems(key, textOf(after.document, 'request', 'ModelName'), sinceMs);
    if (key.kind !== 'Endpoint') return [];
    const config = textOf(after.document, 'deploying', 'configName');
    if (config === undefined || (before && config === configOf(before))) return [];
    const variants = listOf(disk.rows.get({ ...key, kind: 'EndpointConfig', name: config })?.document, 'ProductionVariants');
    return variants.flatMap((variant) => modelProblems(key, textOf(variant, 'ModelName'), sinceMs));
  };
  return {
    promise: 'under approval: required nothing begins to be served from a package that is not Approved while that is asked for',
    onCommit({ changes, ledger }) {
      changes.forEach(remember);
      // the time of an entry is that at which its call began
      const sinceMs = Math.min(watched.nowMs(), ...ledger.map(({ entry }) => entry.timeMs));
      return watched.approval === 'required' ? changes.flatMap((change) => problemsOf(change, sinceMs)) : [];
    },
  };
}
