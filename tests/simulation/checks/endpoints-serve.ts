import type { EndpointRoute } from '../../../src/platform/ports/routes.ts';
import type { Row } from '../../../src/platform/store/port.ts';
import { type Check, listOf, memberOf, type RowChange, shown, textOf, type Watched } from './check.ts';
import { transitionOf } from './statuses.ts';

/** Of an endpoint's config, as it was when a deployment of it began: the row may go or come anew later. */
type Variants = ReadonlyMap<string, number>;

export function checkEndpointsServe({ disk, routes, works }: Watched): Check {
  const answered = new Set<string>();
  const deployed = new Map<string, readonly Variants[]>();
  /** As they were last, and before that: one may be deleted, and made anew, while a call that has read it goes on. */
  const configs = new Map<string, readonly Row[]>();
  const remember = ({ key, after }: RowChange) => {
    if (key.kind === 'EndpointConfig' && after) configs.set(key.name, [after, ...(configs.get(key.name) ?? []).slice(0, 1)]);
    if (key.kind !== 'Endpoint') return;
    const config = textOf(after?.document, 'deploying', 'configName');
    const rows = config === undefined ? undefined : configs.get(config);
    if (rows && transitionTo(after, 'deploying')) deployed.set(`${key.name}|${config}`, rows.map(variantsOf));
  };
  const routeOf = (row: Row): EndpointRoute | undefined =>
    routes().find(({ arn }) => arn === textOf(row.document, 'EndpointArn'));
  const problemsOf = ({ key, before }: RowChange, row: Row): string[] => {
    const config = textOf(row.document, 'serving', 'configName') ?? '';
    const wanted = deployed.get(`${key.name}|${config}`);
    const route = routeOf(row);
    if (!route) return [`${shown(key)} is InService, but the router does not know it`];
    if (!wanted) return [`${shown(key)} serves ${config}, which it was never asked to`];
    const names = route.variants.map(({ name }) => name).sort();
    const fitting = wanted.filter((variants) => names.join() === [...variants.keys()].sort().join());
    if (fitting.length === 0)
      return [`${shown(key)} is routed to ${names.join()}, its config has ${[...(wanted[0] as Variants).keys()].join()}`];
    // after a rollback, or with the capacities of before, weights are what they were made since
    const isNew = before !== undefined && textOf(before.document, 'EndpointStatus') === 'Creating';
    return [
      ...(isNew ? weightProblems(row, route, fitting) : []),
      ...route.variants.flatMap(({ instances }) => instances.flatMap(({ id }) => runs(row, id))),
    ];
  };
  const weightProblems = ({ key }: Row, route: EndpointRoute, wanted: readonly Variants[]): string[] =>
    route.variants.flatMap(({ name, weight }) =>
      wanted.some((variants) => variants.get(name) === weight)
        ? []
        : [`${shown(key)} gives ${name} the weight ${weight}, its config says ${wanted[0]?.get(name)}`],
    );
  const runs = ({ key }: Row, id: string): string[] => {
    // it may have ended since: what was promised is that it has answered
    if (answered.has(id) || works.get(id)?.ready) return [];
    return [
      `${shown(key)} is InService, but its model server ${id} never answered: it is ${works.get(id)?.phase ?? 'not there'}`,
    ];
  };
  return {
    promise:
      'an endpoint that says InService is routed to, by the variants and weights of its config, and its model servers have answered',
    onCommit({ changes }) {
      const problems: string[] = [];
      for (const change of changes) {
        remember(change);
        if (change.key.kind !== 'Endpoint') continue;
        const transition = transitionOf(change);
        // a rollback ends with what served all the while, whatever happens to its servers meanwhile
        const begins = transition?.to === 'InService' && transition.from !== 'RollingBack';
        if (begins && change.after) problems.push(...problemsOf(change, change.after));
        if (transition?.to === 'absent' && change.before && routeOf(change.before))
          problems.push(`${shown(change.key)} is gone, but still routed to`);
      }
      return problems;
    },
    afterEvent() {
      for (const [id, { ready }] of works) if (ready) answered.add(id);
      return [];
    },
    atRest() {
      const serving = [...disk.rows.all('Endpoint')].filter(({ document }) => memberOf(document, 'serving') !== undefined);
      const known = new Set(serving.map(({ document }) => textOf(document, 'EndpointArn')));
      const stray = routes().filter(({ arn }) => !known.has(arn));
      return [
        ...stray.map(({ arn }) => `${arn} is routed to, but does not serve`),
        ...serving.flatMap((row) => (routeOf(row) ? [] : [`${shown(row.key)} serves, but is not routed to`])),
      ];
    },
  };
}

const transitionTo = (row: Row | undefined, member: string): boolean => memberOf(row?.document, member) !== undefined;

const variantsOf = (config: Row): Variants =>
  new Map(
    listOf(config.document, 'ProductionVariants').map((variant) => [
      textOf(variant, 'VariantName') ?? '',
      Number(memberOf(variant, 'InitialVariantWeight') ?? 1),
    ]),
  );
