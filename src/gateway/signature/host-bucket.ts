/**
 * S3's other way to name a bucket: `http://BUCKET.host/key`. The hosts are AWS's own names (a proxy may send them here) and `localhost`, below
 * which browsers and Linux resolvers find this machine; an address like 127.0.0.1 has no names below it.
 */
const HOSTED = /^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.(?:localhost|s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?)(?::\d+)?$/i;

/** The path with the bucket in front, as if the request had named it there. */
export function pathWithBucket(host: string | undefined, path: string): string {
  const bucket = HOSTED.exec(host ?? '')?.[1];
  return bucket === undefined || isServiceName(bucket) ? path : `/${bucket.toLowerCase()}${path}`;
}

/** `s3.localhost` is a host some programs are given for path style. */
const isServiceName = (name: string): boolean => name.toLowerCase() === 's3';
