import type { OperationName } from '../../contract/operations.ts';
import type { Operation } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import { absentError, keyOf, type Place, placeOf } from '../../platform/resources/declaration.ts';
import { decodePageToken } from '../../platform/resources/page-token.ts';
import type { ListQuery, Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { BUS, type BusDocument, busArn, busKey, DEFAULT_BUS, RULE, type RuleDocument, ruleArn, ruleKey } from './resources.ts';

export type RuleRow = Read<RuleDocument>;
type BusRow = Read<BusDocument>;

/** A bus is named by its name or ARN; no name means the default one. */
export function busNameOf(context: Place, text: string | undefined): string {
  if (text === undefined) return DEFAULT_BUS;
  if (!text.startsWith('arn:')) return text;
  const arn = parseArn(text);
  const name = /^event-bus\/(.+)$/.exec(arn?.resource ?? '')?.[1];
  if (arn?.service !== 'events' || name === undefined) {
    throw new ServiceError(
      'ValidationException',
      `Parameter ${text} is not valid. Reason: Provided Arn is not in correct format.`,
    );
  }
  if (arn.account !== context.account || arn.region !== context.region) throw absentError(BUS, placeOf(context), text);
  return name;
}

/** The row of a bus; the default bus is there without one. */
export async function readBus(store: Pick<Store, 'get'>, place: Place, name: string): Promise<BusRow | undefined> {
  const row = await readRow<BusDocument>(store, busKey(place, name));
  if (!row && name !== DEFAULT_BUS) throw absentError(BUS, placeOf(place), name);
  return row;
}

export async function findRule(
  store: Pick<Store, 'get'>,
  context: Place,
  bus: string,
  name: string,
): Promise<RuleRow | undefined> {
  return readRow<RuleDocument>(store, ruleKey(context, bus, name));
}

export async function readRule(store: Pick<Store, 'get'>, context: Place, bus: string, name: string): Promise<RuleRow> {
  await readBus(store, context, bus);
  const row = await findRule(store, context, bus, name);
  if (!row) throw absentError(RULE, placeOf(context), `${bus}/${name}`);
  return row;
}

export const ruleNeeds =
  <N extends OperationName>(action: string, member: 'Name' | 'Rule' = 'Name'): Operation<N>['needs'] =>
  (input, context) => {
    const given = input as { Name?: string; Rule?: string; EventBusName?: string };
    return [{ action, resources: [ruleArn(context, busNameOf(context, given.EventBusName), given[member] ?? '')] }];
  };

export const busNeeds =
  <N extends OperationName>(action: string, member: 'Name' | 'EventBusName'): Operation<N>['needs'] =>
  (input, context) => {
    const given = input as { Name?: string; EventBusName?: string };
    return [{ action, resources: [busArn(context, busNameOf(context, given[member]))] }];
  };

const PAGE = 100;

/** A page by name, as EventBridge's lists give it. */
export const pageOf = (
  context: Place,
  kind: string,
  input: { readonly NamePrefix?: string; readonly NextToken?: string; readonly Limit?: number },
): ListQuery => ({
  ...placeOf(context),
  kind,
  ...(input.NamePrefix !== undefined && { namePrefix: input.NamePrefix }),
  sortBy: 'name',
  order: 'ascending',
  after: decodePageToken(input.NextToken),
  limit: input.Limit ?? PAGE,
});

export const keyInPlace = (place: Place, declaration: typeof BUS, name: string) => keyOf(declaration, placeOf(place), name);
