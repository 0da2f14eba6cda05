import type { ResourceKey } from '../../platform/resource-key.ts';
import { formatArn, parseArn } from '../../platform/resources/arn.ts';
import { keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';

/** The newest version of a parameter; `parent`, of a row of this kind, is unused: names are read by prefix. */
export const PARAMETER: ResourceDeclaration = {
  kind: 'SSMParameter',
  service: 'ssm',
  arnType: 'parameter',
  absent: { code: 'ParameterNotFound', message: (name) => `Parameter ${name} not found.` },
  exists: {
    code: 'ParameterAlreadyExists',
    message: () => 'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
  },
};

/** An earlier version, as it was; named `<parameter>:<version, five digits>`, index: `parent` the parameter, `ordinal` the version. */
export const PARAMETER_VERSION_KIND = 'SSMParameterVersion';

export type ParameterType = 'String' | 'StringList' | 'SecureString';
export type ParameterTier = 'Standard' | 'Advanced';

export type VersionDocument = {
  name: string;
  type: ParameterType;
  /** Sealed when the type is SecureString (see `sealing.ts`). */
  value: string;
  version: number;
  tier: ParameterTier;
  dataType: string;
  modifiedAtMs: number;
  /** ARN of whoever wrote it, and by which request: one whose answer was lost is recognised by it. */
  modifiedBy: string;
  requestId: string;
  description?: string;
  allowedPattern?: string;
  keyId?: string;
};

export type ParameterDocument = VersionDocument & {
  /** The oldest version that is still kept. */
  firstVersion: number;
  /** Version by label. */
  labels: { [label: string]: number };
};

/** With a slash in front or without, a name is the same; it is shown as its parameter was created. */
export const plainName = (name: string): string => name.replace(/^\//, '');

export const parameterKey = (place: Place, name: string): ResourceKey => keyOf(PARAMETER, place, plainName(name));
export const versionKey = (place: Place, name: string, version: number): ResourceKey => ({
  ...parameterKey(place, `${name}:${String(version).padStart(5, '0')}`),
  kind: PARAMETER_VERSION_KIND,
});

export const parameterArn = ({ account, region }: Place, name: string): string =>
  formatArn({ service: 'ssm', region, account, resource: `parameter/${plainName(name)}` });

/** What callers name a parameter by: its name or ARN, and a version or label behind a colon. */
export interface Selector {
  readonly name: string;
  /** `:3` or `:label`; undefined for the newest. */
  readonly selector: string | undefined;
}

export function parseSelector(text: string): Selector {
  const arn = parseArn(text);
  const rest = arn?.service === 'ssm' && arn.resource.startsWith('parameter/') ? arn.resource.slice('parameter'.length) : text;
  const colon = rest.indexOf(':');
  return colon < 0 ? { name: rest, selector: undefined } : { name: rest.slice(0, colon), selector: rest.slice(colon) };
}
