import { type Check, memberOf, type RowChange, shown, textOf } from './check.ts';

/** ModelPackageVersion of a group, PipelineVersionId of a pipeline. */
export function checkVersionNumbers(): Check {
  const last = new Map<string, number>();
  const follows = (owner: string, version: number, change: RowChange): string[] => {
    const before = last.get(owner) ?? 0;
    last.set(owner, version);
    return version === before + 1 ? [] : [`${shown(change.key)} is version ${version}, the one before was ${before}`];
  };
  const problemsOf = (change: RowChange): string[] => {
    const { key, before, after } = change;
    if ((key.kind === 'ModelPackageGroup' || key.kind === 'Pipeline') && !after) last.delete(`${key.kind} ${key.name}`);
    if (key.kind === 'ModelPackage' && !before && after) {
      const version = Number(memberOf(after.document, 'ModelPackageVersion') ?? 0);
      const group = (textOf(after.document, 'ModelPackageGroupName') ?? '').toLowerCase();
      return version > 0 ? follows(`ModelPackageGroup ${group}`, version, change) : [];
    }
    if (key.kind !== 'Pipeline' || !after) return [];
    const [old, version] = [before, after].map((row) => Number(memberOf(row?.document, 'versionId') ?? 0)) as [number, number];
    return old === version ? [] : follows(`Pipeline ${key.name}`, version, change);
  };
  return {
    promise: 'versions are numbered one after the other; no number is given twice, also not after a deletion',
    onCommit: ({ changes }) => changes.flatMap(problemsOf),
  };
}
