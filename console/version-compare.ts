import type { OutputOf } from '../src/contract/operations.ts';
import { ApiError, call, isRefusal, objectText } from './api.ts';
import { h } from './dom.ts';
import { readConfig } from './endpoints-page.ts';
import { packageName } from './format.ts';
import { copyable, empty, statusBadge, tableOf } from './parts.ts';
import { linkTo } from './route.ts';
import { leavesOf } from './value-view.ts';

type Version = OutputOf<'sagemaker:DescribeModelPackage'>;

/** Compared side by side at most. */
const SERVED_SHOWN = 3;

/** Where a version serves. */
interface Served {
  readonly packageArn: string;
  readonly endpoints: readonly string[];
}

/** Versions at an endpoint, as of its last change. */
const known = new Map<string, { readonly asOf: unknown; readonly packages: ReadonlySet<string> }>();

/** The candidate's metrics beside those of the versions of its group that endpoints serve now. */
export async function comparisonOf(candidate: string): Promise<HTMLElement> {
  const version = await describe(candidate);
  if (!version) return empty(`${packageName(candidate)} is not registered (any more).`);
  const group = candidate.slice(0, candidate.lastIndexOf('/'));
  const served = (await servedVersions(group)).filter(({ packageArn }) => packageArn !== candidate).slice(0, SERVED_SHOWN);
  const others = await Promise.all(served.map(async ({ packageArn }) => metricsOf(await describe(packageArn))));
  const own = await metricsOf(version);
  const names = [...new Set([own, ...others].flatMap((metrics) => [...metrics.keys()]))];
  const headings = [
    'Metric',
    packageName(candidate),
    ...served.flatMap(({ packageArn }) => [packageName(packageArn), 'Difference']),
  ];
  const rows = names.map((name) => ({
    key: name,
    cells: [
      name,
      number(own.get(name)),
      ...others.flatMap((metrics) => [number(metrics.get(name)), difference(own.get(name), metrics.get(name))]),
    ],
  }));
  return h(
    'div',
    { class: 'comparison', 'data-candidate': candidate },
    h(
      'p',
      {},
      'Candidate: ',
      h('a', { href: linkTo('models', candidate) }, packageName(candidate)),
      ' ',
      statusBadge(version.ModelApprovalStatus),
      ' ',
      copyable(candidate),
    ),
    served.map(({ packageArn, endpoints }) => servedLine(packageArn, endpoints)),
    served.length === 0 ? h('p', { class: 'sub' }, 'No endpoint serves another version of this group.') : undefined,
    rows.length > 0
      ? tableOf(headings, rows)
      : h('p', { class: 'sub' }, 'The candidate was registered without metrics that can be read.'),
  );
}

const servedLine = (packageArn: string, endpoints: readonly string[]): HTMLElement =>
  h(
    'p',
    {},
    'Serving now: ',
    h('a', { href: linkTo('models', packageArn) }, packageName(packageArn)),
    ' at ',
    endpoints.flatMap((name, at) => [at > 0 ? ', ' : '', h('a', { href: linkTo('endpoints', name) }, name)]),
  );

/** Short enough for a column; the whole number on hover. */
const number = (value: string | undefined): HTMLElement =>
  h('span', { class: 'number', title: value }, value === undefined ? '–' : String(Number(Number(value).toPrecision(6))));

function difference(own: string | undefined, other: string | undefined): HTMLElement {
  if (own === undefined || other === undefined) return number(undefined);
  const by = Number(own) - Number(other);
  return number(`${by > 0 ? '+' : ''}${Number(by.toPrecision(4))}`);
}

async function servedVersions(group: string): Promise<Served[]> {
  const { Endpoints = [] } = await call('sagemaker:ListEndpoints', { SortBy: 'Name', SortOrder: 'Ascending', MaxResults: 100 });
  const found = new Map<string, string[]>();
  for (const { EndpointName, EndpointStatus, LastModifiedTime } of Endpoints) {
    if (EndpointStatus === 'Failed' || EndpointStatus === 'Creating') continue;
    const before = known.get(EndpointName);
    const packages = before && before.asOf === LastModifiedTime ? before.packages : await packagesAt(EndpointName);
    known.set(EndpointName, { asOf: LastModifiedTime, packages });
    for (const packageArn of packages) {
      if (packageArn.startsWith(`${group}/`)) found.set(packageArn, [...(found.get(packageArn) ?? []), EndpointName]);
    }
  }
  return [...found].map(([packageArn, endpoints]) => ({ packageArn, endpoints }));
}

async function packagesAt(EndpointName: string): Promise<Set<string>> {
  try {
    const { EndpointConfigName = '' } = await call('sagemaker:DescribeEndpoint', { EndpointName });
    const variants = await readConfig(EndpointConfigName);
    return new Set([...variants.values()].flatMap(({ packageArn }) => packageArn ?? []));
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return new Set(); // deleted meanwhile, or not ours to see
    throw error;
  }
}

async function describe(ModelPackageName: string): Promise<Version | undefined> {
  try {
    return await call('sagemaker:DescribeModelPackage', { ModelPackageName });
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return undefined;
    throw error;
  }
}

const reports = new Map<string, ReadonlyMap<string, string>>();

/** Numbers of the version's quality report, by their path in it. */
async function metricsOf(version: Version | undefined): Promise<ReadonlyMap<string, string>> {
  const address = version?.ModelMetrics?.ModelQuality?.Statistics?.S3Uri;
  if (!address) return new Map();
  const known = reports.get(address) ?? (await readReport(address));
  reports.set(address, known);
  return known;
}

async function readReport(address: string): Promise<ReadonlyMap<string, string>> {
  try {
    const leaves = leavesOf(JSON.parse(await objectText(address)));
    return new Map(leaves.filter(([, value]) => value.trim() !== '' && Number.isFinite(Number(value))));
  } catch (error) {
    if (error instanceof SyntaxError) return new Map();
    if (isRefusal(error)) return new Map(); // gone, or not ours to read
    throw error;
  }
}
