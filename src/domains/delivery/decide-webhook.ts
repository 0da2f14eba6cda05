import type { WebhookDefinition } from '../../contract/generated/codepipeline.ts';
import { parseAddress, parseNetwork } from '../../platform/authorization/addresses.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';
import type { Json } from '../../platform/json.ts';
import { type JsonPath, parseJsonPath, valueAt } from '../../platform/patterns/decide-json-path.ts';

/** Which requests a webhook takes, and which of them start its pipeline. Pure. */

const FILTERS_MAX = 5;

/** Where a filter looks: one place, so no wildcards; undefined for anything else. */
export function parsePath(text: string): JsonPath | undefined {
  const path = parseJsonPath(text);
  return path?.includes('*') ? undefined : path;
}

/** What is wrong with a webhook's definition. */
export function checkWebhook({ filters, authentication, authenticationConfiguration }: WebhookDefinition): Rejection | undefined {
  if (filters.length === 0 || filters.length > FILTERS_MAX) {
    return filterFault(`A webhook has 1 to ${FILTERS_MAX} filters, not ${filters.length}.`);
  }
  const broken = filters.find(({ jsonPath }) => !parsePath(jsonPath));
  if (broken)
    return filterFault(
      `The JSON path ${broken.jsonPath} is not supported: names and positions are, such as $.ref or $.commits[0].id.`,
    );
  const { SecretToken, AllowedIPRange } = authenticationConfiguration;
  if (authentication === 'GITHUB_HMAC' && (SecretToken === undefined || AllowedIPRange !== undefined)) {
    return authenticationFault('GITHUB_HMAC needs a SecretToken, and no AllowedIPRange.');
  }
  if (authentication === 'IP' && (AllowedIPRange === undefined || SecretToken !== undefined)) {
    return authenticationFault('IP needs an AllowedIPRange, and no SecretToken.');
  }
  if (authentication === 'IP' && !parseNetwork(AllowedIPRange ?? '')) {
    return authenticationFault(`AllowedIPRange ${AllowedIPRange} is no range of addresses such as 192.0.2.0/24.`);
  }
  if (authentication === 'UNAUTHENTICATED' && (SecretToken !== undefined || AllowedIPRange !== undefined)) {
    return authenticationFault('UNAUTHENTICATED takes neither a SecretToken nor an AllowedIPRange.');
  }
  return undefined;
}

const filterFault = (message: string): Rejection => ({ code: 'InvalidWebhookFilterPatternException', message });
const authenticationFault = (message: string): Rejection => ({
  code: 'InvalidWebhookAuthenticationParametersException',
  message,
});

/** Whether a payload passes every filter; `{Name}` in what it must equal stands for the source action's configuration of that name. */
export const passesFilters = (
  { filters }: Pick<WebhookDefinition, 'filters'>,
  payload: Json,
  configuration: Readonly<Record<string, string>>,
): boolean =>
  filters.every(({ jsonPath, matchEquals }) => {
    const value = valueAt(payload, parsePath(jsonPath) ?? []);
    if (value === undefined || value === null) return false;
    if (matchEquals === undefined) return true;
    const wanted = matchEquals.replaceAll(/\{([A-Za-z0-9]+)\}/g, (whole, name: string) => configuration[name] ?? whole);
    return typeof value === 'string' ? value === wanted : JSON.stringify(value) === wanted;
  });

/** Whether an address lies in a range such as `192.0.2.0/24`. */
export function isInRange(addressText: string, range: string): boolean {
  const network = parseNetwork(range);
  const address = parseAddress(addressText);
  if (!network || !address || network.bits !== address.bits) return false;
  const rest = BigInt(network.bits - network.prefixBits);
  return network.value >> rest === address.value >> rest;
}
