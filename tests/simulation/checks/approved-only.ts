import { type Check, keyOfArn, listOf, type RowChange, shown, textOf, type Watched } from './check.ts';
import type { ResourceKey } from '../../../src/platform/resource-key.ts';

/** `approval: required`, followed from what is to be served by name to the package, as a person would with Describe calls. */
export function checkApprovedOnly(watched: Watched): Check {
  const { disk } = watched;
  const packageProblems = (key: ResourceKey, container: unknown): string[] => {
    const arn = textOf(container, 'ModelPackageName');
    if (arn === undefined) return [];
    const named = arn.startsWith('arn:') ? keyOfArn(arn, 'ModelPackage') : { ...key, kind: 'ModelPackage', name: arn };
    const found = disk.rows.get({ ...named, name: named.name.toLowerCase() }) ?? disk.rows.get(named);
    const status = found && textOf(found.document, 'ModelApprovalStatus');
    // a package that is in no group has none
    if (!found || status === undefined || status === 'Approved') return [];
    return [`${shown(key)} begins to serve ${arn}, which is ${status}`];
  };
  const modelProblems = (key: ResourceKey, modelName: string | undefined): string[] => {
    const model = disk.rows.get({ ...key, kind: 'Model', name: modelName ?? '' });
    const containers = [
      ...listOf(model?.document, 'Containers'),
      (model?.document as { PrimaryContainer?: unknown })?.PrimaryContainer,
    ];
    return containers.flatMap((container) => packageProblems(key, container));
  };
  const configOf = ({ document }: { readonly document: unknown }): string | undefined =>
    textOf(document, 'deploying', 'configName') ?? textOf(document, 'serving', 'configName');
  const problemsOf = ({ key, before, after }: RowChange): string[] => {
    if (!after) return [];
    if (key.kind === 'Model' && !before) return modelProblems(key, key.name);
    if (key.kind === 'TransformJob' && !before) return modelProblems(key, textOf(after.document, 'request', 'ModelName'));
    if (key.kind !== 'Endpoint') return [];
    const config = textOf(after.document, 'deploying', 'configName');
    if (config === undefined || (before && config === configOf(before))) return [];
    const variants = listOf(disk.rows.get({ ...key, kind: 'EndpointConfig', name: config })?.document, 'ProductionVariants');
    return variants.flatMap((variant) => modelProblems(key, textOf(variant, 'ModelName')));
  };
  return {
    promise: 'under approval: required nothing begins to be served from a package that is not Approved at that moment',
    onCommit: ({ changes }) => (watched.approval === 'required' ? changes.flatMap(problemsOf) : []),
  };
}
