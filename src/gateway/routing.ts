import type { Protocol } from '../contract/model.ts';
import { type ApiOperation, listRoutes, type Service } from '../contract/services.ts';
import { asQueryService, isQueryCompatible } from './codecs/query-compatible.ts';
import { decodePercent, type HeaderSource } from './signature/canonical.ts';

/** Finding the operation a request means: by signature scope, then X-Amz-Target, Action, or method and path. */

export interface RoutedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: HeaderSource;
}

export type Route =
  | {
      readonly kind: 'operation';
      readonly service: Service;
      readonly operation: ApiOperation;
      readonly labels: Record<string, string>;
    }
  /** Well-formed, but nothing we know: `named` says what was asked for. */
  | { readonly kind: 'unknown'; readonly service: Service | undefined; readonly named: string }
  /** The resource exists, the verb does not go with it (S3 subresources). */
  | { readonly kind: 'method'; readonly service: Service; readonly named: string }
  | { readonly kind: 'undecodable'; readonly service: Service };

export interface RoutingTable {
  /** Services of a signature scope; several share `sagemaker`. */
  servicesOf(signingName: string): readonly Service[];
  byTarget(services: readonly Service[], target: string): Route;
  /** The scope that requests with this X-Amz-Target have to be signed for; undefined for targets we do not know. */
  signingNameOf(target: string): string | undefined;
  byAction(services: readonly Service[], action: string): Route;
  /** Of RPC v2 the path names both: `/service/<target prefix>/operation/<operation>`. */
  byRpcPath(services: readonly Service[], path: string): Route;
  byPath(services: readonly Service[], request: RoutedRequest): Route | undefined;
}

export function createRoutingTable(services: readonly Service[]): RoutingTable {
  const spoken = services.flatMap((service) => (isQueryCompatible(service) ? [service, asQueryService(service)] : [service]));
  const bySigningName = Map.groupBy(spoken, (service) => service.signingName);
  const paths = new Map<Service, PathGroup[]>();
  for (const service of services) {
    if (isRest(service.model.metadata.protocol)) paths.set(service, compileGroups(service));
  }
  return {
    servicesOf: (signingName) => bySigningName.get(signingName) ?? [],
    byTarget(candidates, target) {
      const dot = target.lastIndexOf('.');
      const prefix = target.slice(0, dot);
      const service = candidates.find((candidate) => candidate.model.metadata.targetPrefix === prefix);
      return named(service, target.slice(dot + 1), target);
    },
    signingNameOf(target) {
      const prefix = target.slice(0, target.lastIndexOf('.'));
      return services.find((service) => service.model.metadata.targetPrefix === prefix)?.signingName;
    },
    byAction(candidates, action) {
      return named(
        candidates.find(({ model }) => model.metadata.protocol === 'query'),
        action,
        action,
      );
    },
    byRpcPath(candidates, path) {
      const [, prefix = '', operationName = ''] = /^\/service\/([^/]+)\/operation\/([^/]+)$/.exec(path) ?? [];
      const service = candidates.find((candidate) => candidate.model.metadata.targetPrefix === prefix);
      return named(service, operationName, operationName === '' ? path : `${prefix}.${operationName}`);
    },
    byPath(candidates, request) {
      for (const service of candidates) {
        const groups = paths.get(service);
        const route = groups && matchPath(service, groups, request);
        if (route) return route;
      }
      return undefined;
    },
  };
}

export const isRest = (protocol: Protocol): boolean => protocol === 'rest-xml' || protocol === 'rest-json';

function named(service: Service | undefined, operationName: string, asked: string): Route {
  const operation = service?.operations.get(operationName);
  if (service && operation) return { kind: 'operation', service, operation, labels: {} };
  return { kind: 'unknown', service, named: asked };
}

type Segment = { readonly literal?: string; readonly label?: string; readonly greedy?: boolean };

/** The operations of one path template; S3 has a hundred operations on three of them. */
interface PathGroup {
  /** Literal segments, labels, and at most one greedy label at the end. */
  readonly segments: readonly Segment[];
  readonly routes: readonly PathRoute[];
  /** Query parameters that tell the group's operations apart. */
  readonly distinguishing: ReadonlySet<string>;
}

interface PathRoute {
  readonly operation: ApiOperation;
  readonly method: string;
  /** Query parameters of the template, e.g. `uploads`, `list-type=2`. */
  readonly markers: readonly { readonly name: string; readonly value: string | undefined }[];
  /** Query parameters and headers without which the operation makes no sense; they tell operations on one path apart. */
  readonly requiredQuery: readonly string[];
  readonly requiredHeaders: readonly string[];
  readonly queryNames: ReadonlySet<string>;
}

/** Templates with more literal segments come first: they are the more specific ones. */
function compileGroups(service: Service): PathGroup[] {
  const byPath = Map.groupBy(listRoutes(service), ({ requestUri }) => requestUri.split('?')[0] ?? '/');
  const literals = (group: PathGroup) => group.segments.filter(({ literal }) => literal !== undefined).length;
  return [...byPath]
    .map(([path, members]) => {
      const routes = members.map(compileRoute);
      const distinguishing = new Set(
        routes.flatMap((route) => [...route.markers.map(({ name }) => name), ...route.requiredQuery]),
      );
      return { segments: compileSegments(path), routes, distinguishing };
    })
    .sort((a, b) => literals(b) - literals(a));
}

function compileSegments(path: string): Segment[] {
  const parts = path
    .slice(1)
    .split('/')
    .filter((segment) => segment !== '');
  return parts.map((segment) => {
    const label = /^\{([^}+]+)(\+?)\}$/.exec(segment);
    return label ? { label: label[1] ?? '', greedy: label[2] === '+' } : { literal: segment };
  });
}

function compileRoute(route: { operation: ApiOperation; method: string; requestUri: string }): PathRoute {
  const query = route.requestUri.split('?')[1] ?? '';
  const markers = query
    .split('&')
    .filter((part) => part !== '' && !part.startsWith('x-id='))
    .map((part) => ({ name: part.split('=')[0] ?? '', value: part.split('=')[1] }));
  const input = route.operation.input;
  const wireNames = (location: string, required: boolean) =>
    Object.entries(input?.members ?? {})
      .filter(([name, ref]) => ref.location === location && (!required || input?.required?.includes(name)))
      .map(([name, ref]) => ref.locationName ?? name);
  return {
    operation: route.operation,
    method: route.method,
    markers,
    requiredQuery: wireNames('querystring', true),
    requiredHeaders: wireNames('header', true).map((name) => name.toLowerCase()),
    queryNames: new Set([...markers.map(({ name }) => name), ...wireNames('querystring', false)]),
  };
}

function matchPath(service: Service, groups: readonly PathGroup[], request: RoutedRequest): Route | undefined {
  let methodProblem: Route | undefined;
  for (const group of groups) {
    const labels = matchSegments(group.segments, request.path);
    if (labels === undefined) continue;
    if (labels === 'undecodable') return { kind: 'undecodable', service };
    const best = group.routes
      .filter((route) => route.method === request.method && hasMarkers(route, request))
      .sort((a, b) => rank(b, request) - rank(a, request))[0];
    // a subresource the chosen operation does not know must not fall through to it: DELETE /bucket?acl is no DeleteBucket
    const stray = request.query.find(([name]) => group.distinguishing.has(name) && !best?.queryNames.has(name))?.[0];
    if (best && stray === undefined) return { kind: 'operation', service, operation: best.operation, labels };
    methodProblem ??= { kind: 'method', service, named: stray ?? request.method };
  }
  return methodProblem;
}

const hasMarkers = (route: PathRoute, request: RoutedRequest): boolean =>
  route.markers.every(({ name, value }) =>
    request.query.some(([key, text]) => key === name && (value === undefined || text === value)),
  );

/** Markers decide first; among equals the operation with the most requirements, all met, before one with an unmet one. */
function rank(route: PathRoute, request: RoutedRequest): number {
  const met =
    route.requiredQuery.every((name) => request.query.some(([key]) => key === name)) &&
    route.requiredHeaders.every((name) => request.headers[name] !== undefined);
  const required = route.requiredQuery.length + route.requiredHeaders.length;
  return route.markers.length * 1_000 + (met ? 100 + required * 2 : 0) + (route.operation.model.deprecated ? 0 : 1);
}

/** Labels of the path, decoded once; `+` stays a plus. Undefined when the path is not the template's. */
function matchSegments(segments: readonly Segment[], path: string): Record<string, string> | 'undecodable' | undefined {
  const labels: Record<string, string> = {};
  let rest = path.startsWith('/') ? path.slice(1) : path;
  for (const segment of segments) {
    if (rest === '') return undefined;
    const slash = segment.greedy ? -1 : rest.indexOf('/');
    const raw = slash < 0 ? rest : rest.slice(0, slash);
    rest = slash < 0 ? '' : rest.slice(slash + 1);
    const text = decodePercent(raw);
    if (text === undefined) return 'undecodable';
    if (segment.literal !== undefined && segment.literal !== text) return undefined;
    if (segment.label !== undefined) labels[segment.label] = text;
  }
  return rest === '' ? labels : undefined;
}
