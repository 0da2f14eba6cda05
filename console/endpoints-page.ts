import type { OutputOf } from '../src/contract/operations.ts';
import { ApiError, call } from './api.ts';
import type { Page } from './page.ts';
import { h, placeOf } from './dom.ts';
import { packageName } from './format.ts';
import { card, command, copyable, empty, listOf, type Row, statusBadge, tableOf, timeOf } from './parts.ts';
import { predictionBox } from './prediction-box.ts';
import { linkTo } from './route.ts';

type Summary = NonNullable<OutputOf<'sagemaker:ListEndpoints'>['Endpoints']>[number];
type Endpoint = OutputOf<'sagemaker:DescribeEndpoint'>;

/** What stands behind a variant. */
export interface Behind {
  readonly instanceType: string;
  readonly packageArn: string | undefined;
}

/** Endpoints; beside them the one that is chosen, with a box to ask it. */
export const endpointsPage: Page = (name) => {
  const box = name ? predictionBox(name) : undefined;
  const behind = new Map<string, ReadonlyMap<string, Behind>>();
  return async () => {
    const newest = { SortBy: 'CreationTime', SortOrder: 'Descending', MaxResults: 100 } as const;
    const { Endpoints = [] } = await call('sagemaker:ListEndpoints', newest);
    const chosen = name ? await describe(name) : undefined;
    const config = chosen?.EndpointConfigName ?? '';
    if (chosen && !behind.has(config)) behind.set(config, await readConfig(config));
    const beside = chosen
      ? [...headOf(chosen), variantsOf(chosen, behind.get(config)), ...(box ? [placeOf(box)] : [])]
      : [empty(name ? `There is no endpoint ${name} (any more).` : 'Choose an endpoint to see what serves there and to ask it.')];
    return {
      title: name || 'Endpoints',
      content: [
        h('h1', {}, 'Endpoints'),
        h('p', { class: 'sub' }, 'Where models answer.'),
        Endpoints.length === 0 && !name
          ? card(
              empty(
                h('p', {}, 'No endpoint yet. Deploy an approved version:'),
                command('npx slipway deploy GROUP/N --endpoint NAME'),
              ),
            )
          : h('div', { class: 'columns' }, card(listView(Endpoints, name)), h('section', { class: 'card panel' }, beside)),
      ],
      live: true,
    };
  };
};

function listView(endpoints: readonly Summary[], chosen: string): HTMLElement {
  const rows = endpoints.map(
    ({ EndpointName: name, EndpointStatus, LastModifiedTime }): Row => ({
      key: name,
      current: name === chosen,
      cells: [h('a', { href: linkTo('endpoints', name) }, name), statusBadge(EndpointStatus), timeOf(LastModifiedTime)],
    }),
  );
  return tableOf(['Endpoint', 'Status', 'Changed'], rows);
}

async function describe(EndpointName: string): Promise<Endpoint | undefined> {
  try {
    return await call('sagemaker:DescribeEndpoint', { EndpointName });
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return undefined;
    throw error;
  }
}

/** Instance types and versions of a config's variants; what was deleted since is left out. */
export async function readConfig(EndpointConfigName: string): Promise<ReadonlyMap<string, Behind>> {
  try {
    const { ProductionVariants } = await call('sagemaker:DescribeEndpointConfig', { EndpointConfigName });
    const variants = ProductionVariants.map(async ({ VariantName, InstanceType = '', ModelName }): Promise<[string, Behind]> => {
      return [VariantName, { instanceType: InstanceType, packageArn: ModelName && (await packageOf(ModelName)) }];
    });
    return new Map(await Promise.all(variants));
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return new Map();
    throw error;
  }
}

async function packageOf(ModelName: string): Promise<string | undefined> {
  const { PrimaryContainer, Containers } = await call('sagemaker:DescribeModel', { ModelName });
  return (PrimaryContainer ?? Containers?.[0])?.ModelPackageName;
}

function headOf(endpoint: Endpoint): HTMLElement[] {
  const { FailureReason: reason } = endpoint;
  return [
    h('h2', { class: 'title' }, `${endpoint.EndpointName} `, statusBadge(endpoint.EndpointStatus)),
    h('p', { class: 'sub' }, copyable(endpoint.EndpointArn)),
    ...(reason ? [h('p', { class: 'reason' }, reason)] : []),
    listOf([
      ['Config', endpoint.EndpointConfigName],
      ['Created', timeOf(endpoint.CreationTime)],
      ['Changed', timeOf(endpoint.LastModifiedTime)],
    ]),
  ];
}

function variantsOf({ ProductionVariants = [] }: Endpoint, behind: ReadonlyMap<string, Behind> | undefined): HTMLElement {
  if (ProductionVariants.length === 0) return empty('Nothing serves here yet.');
  const rows = ProductionVariants.map((variant): Row => {
    const { packageArn, instanceType = '' } = behind?.get(variant.VariantName) ?? {};
    const image = variant.DeployedImages?.[0]?.SpecifiedImage ?? '';
    const model = packageArn ? h('a', { href: linkTo('models', packageArn) }, packageName(packageArn)) : '–';
    const { CurrentServerlessConfig: serverless } = variant;
    const instances = serverless
      ? `serverless, ${serverless.MaxConcurrency} at a time`
      : `${variant.CurrentInstanceCount ?? 0} of ${variant.DesiredInstanceCount ?? 0} ${instanceType}`;
    const served = h('div', {}, model, h('div', { class: 'sub' }, image));
    return { key: variant.VariantName, cells: [variant.VariantName, served, instances, String(variant.CurrentWeight ?? '')] };
  });
  return tableOf(['Variant', 'Version', 'Instances', 'Weight'], rows);
}
