import type { OutputOf } from '../src/contract/operations.ts';
import { call } from './api.ts';
import type { Page } from './app.ts';
import { h, statusBadge, tableOf, timeOf } from './dom.ts';
import { refresh } from './refresh.ts';

type PackageSummary = NonNullable<OutputOf<'sagemaker:ListModelPackages'>['ModelPackageSummaryList']>[number];

export const modelsPage: Page = async (root, chosenArn, signal) => {
  root.append(h('h1', {}, 'Models'), h('p', { class: 'sub' }, 'Registered versions by group. Approve: npx slipway approve GROUP/N'));
  const groups = h('div');
  const detail = h('div');
  root.append(h('div', { class: 'columns' }, groups, detail));
  if (chosenArn) void showVersion(detail, chosenArn);
  await refresh(signal, async () => {
    const { ModelPackageGroupSummaryList = [] } = await call('sagemaker:ListModelPackageGroups', {
      SortBy: 'CreationTime', SortOrder: 'Descending', MaxResults: 100 });
    const cards = await Promise.all(ModelPackageGroupSummaryList.map(({ ModelPackageGroupName = '' }) => groupCard(ModelPackageGroupName)));
    groups.replaceChildren(...(cards.length > 0 ? cards : [h('p', { class: 'card empty' }, 'No model is registered yet.')]));
    return true;
  });
};

async function groupCard(group: string): Promise<HTMLElement> {
  const { ModelPackageSummaryList = [] } = await call('sagemaker:ListModelPackages', {
    ModelPackageGroupName: group, SortBy: 'CreationTime', SortOrder: 'Descending', MaxResults: 50 });
  const row = (version: PackageSummary) => [
    h('a', { href: `#/models/${encodeURIComponent(version.ModelPackageArn ?? '')}` }, `${group}/${version.ModelPackageVersion ?? ''}`),
    statusBadge(version.ModelApprovalStatus), timeOf(version.CreationTime)];
  return h('div', { class: 'card' }, h('h2', {}, group), tableOf(['Version', 'Approval', 'Registered'], ModelPackageSummaryList.map(row)));
}

async function showVersion(root: HTMLElement, arn: string): Promise<void> {
  const version = await call('sagemaker:DescribeModelPackage', { ModelPackageName: arn });
  const container = version.InferenceSpecification?.Containers?.[0];
  root.replaceChildren(h('div', { class: 'card' },
    h('h1', {}, `${version.ModelPackageGroupName ?? version.ModelPackageName ?? ''}/${version.ModelPackageVersion ?? ''} `,
      statusBadge(version.ModelApprovalStatus)),
    h('p', { class: 'sub' }, arn),
    h('dl', {},
      h('dt', {}, 'Registered'), h('dd', {}, timeOf(version.CreationTime)),
      h('dt', {}, 'Approval note'), h('dd', {}, version.ApprovalDescription ?? '–'),
      h('dt', {}, 'Image'), h('dd', {}, container?.Image ?? '–'),
      h('dt', {}, 'Model data'), h('dd', {}, container?.ModelDataUrl ?? '–'),
      h('dt', {}, 'Quality metrics'), h('dd', {}, version.ModelMetrics?.ModelQuality?.Statistics?.S3Uri ?? '–')),
    h('h2', {}, 'Metadata'),
    h('pre', { class: 'plain' }, JSON.stringify(version.CustomerMetadataProperties ?? {}, null, 2))));
}
