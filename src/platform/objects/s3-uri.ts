export interface S3Location {
  readonly bucket: string;
  /** Without a leading slash; empty for a whole bucket. */
  readonly key: string;
}

/** `s3://bucket/key`; undefined when `text` is none. */
export function parseS3Uri(text: string): S3Location | undefined {
  const match = /^s3:\/\/([^/]+)(?:\/([\s\S]*))?$/i.exec(text);
  if (!match) return undefined;
  return { bucket: match[1] ?? '', key: match[2] ?? '' };
}

export const formatS3Uri = ({ bucket, key }: S3Location): string => `s3://${bucket}/${key}`;
