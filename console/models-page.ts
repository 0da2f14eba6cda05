import type { OutputOf } from '../src/contract/operations.ts';
import { call } from './api.ts';
import type { Page, View } from './page.ts';
import { deedForm, folded, type Keep, keeper } from './deed.ts';
import { h } from './dom.ts';
import { packageName } from './format.ts';
import { card, command, copyable, empty, listOf, type Row, statusBadge, tableOf, timeOf } from './parts.ts';
import { linkTo } from './route.ts';
import { reportView } from './step-values.ts';
import { leavesOf, valueView } from './value-view.ts';
import { comparisonOf } from './version-compare.ts';

type Summary = NonNullable<OutputOf<'sagemaker:ListModelPackages'>['ModelPackageSummaryList']>[number];
type Version = OutputOf<'sagemaker:DescribeModelPackage'>;

const NEWEST = 100;

/** Groups with their versions; beside them the version that is chosen. */
export const modelsPage: Page = (arn) => {
  const keep = keeper();
  return () => look(arn, keep);
};

async function look(arn: string, keep: Keep): Promise<View> {
  const newest = { SortBy: 'CreationTime', SortOrder: 'Descending', MaxResults: NEWEST } as const;
  const { ModelPackageGroupSummaryList: groups = [] } = await call('sagemaker:ListModelPackageGroups', newest);
  const { ModelPackageSummaryList: versions = [] } = await call('sagemaker:ListModelPackages', {
    ...newest,
    ModelPackageType: 'Versioned',
  });
  const chosen = arn ? await call('sagemaker:DescribeModelPackage', { ModelPackageName: arn }) : undefined;
  const byGroup = Map.groupBy(versions, ({ ModelPackageGroupName = '' }) => ModelPackageGroupName);
  const cards = groups.map(({ ModelPackageGroupName: name = '', ModelPackageGroupDescription: about }) =>
    h(
      'section',
      { class: 'card', 'data-key': name },
      h('h2', { class: 'title' }, name),
      about ? h('p', { class: 'sub' }, about) : undefined,
      versionsOf(byGroup.get(name) ?? [], arn),
    ),
  );
  const beside = chosen ? await detailOf(chosen, keep) : empty('Choose a version to see where it comes from and what it scored.');
  return {
    title: chosen ? packageName(arn) : 'Models',
    content: [
      h('h1', {}, 'Models'),
      h('p', { class: 'sub' }, `Registered versions by group, the newest ${NEWEST}.`),
      groups.length === 0
        ? card(
            empty(
              h('p', {}, 'No model is registered yet. A pipeline with a RegisterModel step does it:'),
              command('npx slipway run FILE --wait'),
            ),
          )
        : h('div', { class: 'columns' }, h('div', {}, cards), h('section', { class: 'card panel' }, beside)),
    ],
    live: true,
  };
}

function versionsOf(versions: readonly Summary[], chosen: string): HTMLElement {
  if (versions.length === 0) return empty('No version among the newest.');
  const rows = versions.map(
    ({ ModelPackageArn: arn = '', ModelPackageVersion, ModelApprovalStatus, CreationTime }): Row => ({
      key: arn,
      current: arn === chosen,
      cells: [
        h('a', { href: linkTo('models', arn) }, String(ModelPackageVersion)),
        statusBadge(ModelApprovalStatus),
        timeOf(CreationTime),
      ],
    }),
  );
  return tableOf(['Version', 'Approval', 'Registered'], rows);
}

async function detailOf(version: Version, keep: Keep): Promise<HTMLElement> {
  const container = version.InferenceSpecification?.Containers?.[0];
  const quality = version.ModelMetrics?.ModelQuality?.Statistics?.S3Uri;
  const { ModelQuality: _quality, ...otherMetrics } = version.ModelMetrics ?? {};
  const { CustomerMetadataProperties: metadata = {} } = version;
  return h(
    'div',
    {},
    h('h2', { class: 'title' }, `${packageName(version.ModelPackageArn)} `, statusBadge(version.ModelApprovalStatus)),
    h('p', { class: 'sub' }, copyable(version.ModelPackageArn)),
    version.ModelPackageDescription ? h('p', {}, version.ModelPackageDescription) : undefined,
    listOf([
      ['Registered', timeOf(version.CreationTime)],
      ['by', version.CreatedBy?.IamIdentity?.Arn],
      ['Approval note', version.ApprovalDescription],
      ['Changed', version.LastModifiedTime === undefined ? undefined : timeOf(version.LastModifiedTime)],
      ['Image', container?.Image],
      ['Model data', container?.ModelDataUrl ? copyable(container.ModelDataUrl) : undefined],
      ['Takes', version.InferenceSpecification?.SupportedContentTypes?.join(', ')],
      ['Answers', version.InferenceSpecification?.SupportedResponseMIMETypes?.join(', ')],
    ]),
    ...(quality ? [h('h3', { class: 'section' }, 'Quality'), await reportView(quality)] : []),
    ...(leavesOf(otherMetrics).length > 0 ? [h('h3', { class: 'section' }, 'Other metrics'), valueView(otherMetrics)] : []),
    ...(Object.keys(metadata).length > 0 ? [h('h3', { class: 'section' }, 'Metadata'), listOf(Object.entries(metadata))] : []),
    ...(await decisionOf(version, keep)),
    h('h3', { class: 'section' }, 'On the command line'),
    ...nextOf(version),
  );
}

function nextOf({ ModelApprovalStatus: status, ModelPackageArn }: Version): HTMLElement[] {
  const name = packageName(ModelPackageArn);
  if (status === 'Approved') return [command(`npx slipway deploy ${name} --endpoint NAME`)];
  return [
    command(`npx slipway approve ${name} --reason TEXT`),
    h('p', { class: 'sub' }, 'Only an approved version can be deployed.'),
  ];
}

const DESCRIPTION_MAX = 1024;

/** The version beside what serves now, and the answer: whether it may be served. The server checks whose right that is. */
async function decisionOf(
  { ModelPackageArn: arn = '', ModelApprovalStatus: status, LastModifiedTime: changedAt = 0 }: Version,
  keep: Keep,
): Promise<Node[]> {
  const form = (): HTMLElement => decisionForm(arn, status);
  const asOf = `decide ${arn} ${status} ${changedAt}`; // what was answered before is not said of a version that waits again
  if (status !== 'PendingManualApproval') return [keep.element(asOf, () => folded('Decide otherwise…', form()))];
  return [
    h('h3', { class: 'section' }, 'Candidate and production'),
    await comparisonOf(arn),
    h('h3', { class: 'section' }, 'Your decision'),
    keep.element(asOf, form),
  ];
}

function decisionForm(ModelPackageArn: string, status: string | undefined): HTMLElement {
  const decide = async (ModelApprovalStatus: 'Approved' | 'Rejected', ApprovalDescription: string): Promise<string> => {
    // the page may be older than somebody else's decision
    const { ModelApprovalStatus: now } = await call('sagemaker:DescribeModelPackage', { ModelPackageName: ModelPackageArn });
    if (now !== status) throw new Error(`It was decided meanwhile: it is ${now} now.`);
    const reason = ApprovalDescription && { ApprovalDescription };
    await call('sagemaker:UpdateModelPackage', { ModelPackageArn, ModelApprovalStatus, ...reason });
    return `${ModelApprovalStatus}.`;
  };
  const approve = { label: 'Approve', look: 'good', act: ({ comment = '' }) => decide('Approved', comment) } as const;
  const reject = { label: 'Reject', look: 'bad', act: ({ comment = '' }) => decide('Rejected', comment) } as const;
  return deedForm(
    [{ name: 'comment', label: 'Comment (kept with your name)', isLong: true, lengthMax: DESCRIPTION_MAX }],
    [...(status === 'Approved' ? [] : [approve]), ...(status === 'Rejected' ? [] : [reject])],
  );
}
