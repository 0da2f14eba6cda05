/** What a resource is called: unique over the whole store. */
export interface ResourceKey {
  readonly account: string;
  /** AWS region, or `GLOBAL` for buckets, objects and IAM. */
  readonly region: string;
  /** The AWS noun, e.g. `TrainingJob`, `PipelineExecution`, `S3Object`. */
  readonly kind: string;
  /** The resource's name; nested resources say `parent/child`, e.g. `my-group/3` or `bucket/key/with/slashes`. */
  readonly name: string;
}

export const GLOBAL = 'global';

/** A collision-free text form for maps and logs; account, region and kind hold no `|`. */
export const keyText = (key: ResourceKey): string => `${key.account}|${key.region}|${key.kind}|${key.name}`;

export function parseKeyText(text: string): ResourceKey {
  const [account = '', region = '', kind = '', ...rest] = text.split('|');
  return { account, region, kind, name: rest.join('|') };
}
