/** `arn:aws:<service>:<region>:<account>:<type>/<name>`; the name keeps the case in which the resource was created. */
export interface Arn {
  readonly service: string;
  readonly region: string;
  readonly account: string;
  /** Everything after the account, e.g. `training-job/my-job`. */
  readonly resource: string;
}

export const formatArn = (arn: Arn): string => `arn:aws:${arn.service}:${arn.region}:${arn.account}:${arn.resource}`;

/** Any partition is accepted; undefined when `text` is no ARN. */
export function parseArn(text: string): Arn | undefined {
  const match = /^arn:aws[a-z-]*:([a-z0-9-]+):([a-z0-9-]*):([0-9]*):([\s\S]+)$/.exec(text);
  if (!match) return undefined;
  const [, service = '', region = '', account = '', resource = ''] = match;
  return { service, region, account, resource };
}
