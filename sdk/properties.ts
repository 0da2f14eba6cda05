import { type Expression, render, type Scalar, toMarker } from './expressions.ts';

/** Members by which a pipeline names the elements of a list instead of numbering them. */
type KeyMember = 'OutputName' | 'InputName' | 'ChannelName' | 'MetricName' | 'VariantName';

type Keyed<U> = Extract<keyof U, KeyMember> extends never ? unknown : { readonly [name: string]: Properties<U> };

/**
 * The properties of a finished step: the Describe answer of the job it made, every part an expression. A name that the answer does not
 * have is a compile error.
 */
export type Properties<T> = Expression<T extends Scalar ? T : unknown> &
  (T extends Scalar
    ? unknown
    : T extends readonly (infer U)[]
      ? { readonly [index: number]: Properties<U> } & Keyed<U>
      : string extends keyof T
        ? { readonly [key: string]: Properties<NonNullable<T[string & keyof T]>> }
        : { readonly [K in keyof T]-?: Properties<NonNullable<T[K]>> });

/**
 * Members whose parts are named by keys (`HyperParameters['max_depth']`) and not by the API (`ModelArtifacts.S3ModelArtifacts`): the maps
 * and the lists with names. Types are gone when a program runs, so they are listed; a test compares the list with the model.
 */
export const keyedMembers: ReadonlySet<string> = new Set([
  'AdditionalModelDataSources',
  'CollectionParameters',
  'CustomerMetadataProperties',
  'Environment',
  'FinalMetricDataList',
  'HookParameters',
  'HyperParameters',
  'InputDataConfig',
  'Outputs',
  'ProcessingInputs',
  'ProductionVariants',
  'ProfilingParameters',
  'RuleParameters',
  'ShadowProductionVariants',
]);

/** Follows member accesses and writes them down as a property path. */
export function createProperties<T>(step: string): Properties<T> {
  return followProperty(`Steps.${step}`, '') as Properties<T>;
}

/** Follows what is accessed below `path`; `member` is its last part, if it is a member. */
export function followProperty(path: string, member: string): unknown {
  const json = () => ({ Get: path });
  return new Proxy({} as object, {
    get(_, name) {
      if (name === render) return json;
      if (name === Symbol.toPrimitive) return () => toMarker(json());
      if (typeof name === 'symbol') return undefined;
      if (/^\d+$/.test(name)) return followProperty(`${path}[${name}]`, '');
      const isKey = keyedMembers.has(member) || !/^[A-Za-z_]\w*$/.test(name);
      return isKey ? followProperty(`${path}['${name}']`, '') : followProperty(`${path}.${name}`, name);
    },
  });
}
