import { formatS3Uri, parseS3Uri } from '../../platform/objects/s3-uri.ts';
import type { TransformJobDocument } from './resources.ts';

/**
 * DataCaptureConfig of a transform job: AWS copies no data but writes two manifests, `<destination>/input/yyyy/mm/dd/hh/…` and
 * `output/…`, each a prefix and the names of the objects below it. The hour is that of the job's creation. Here: below the destination. Pure.
 */
export function planCapture(job: TransformJobDocument): { readonly relativePath: string; readonly text: string }[] {
  const { request, files = [] } = job;
  const hour = new Date(job.createdAtMs).toISOString().slice(0, 13).replaceAll(/[-T]/g, '/');
  const output = `${request.TransformOutput.S3OutputPath.replace(/\/+$/, '')}/`;
  const place = (side: string) => `${side}/${hour}/${job.name}.json`;
  return [
    { relativePath: place('input'), text: manifest(files.map(({ uri }) => uri)) },
    {
      relativePath: place('output'),
      text: JSON.stringify([{ prefix: output }, ...files.map(({ relativePath }) => `${relativePath}.out`)]),
    },
  ];
}

/** Names below the folder that all objects share; objects of several buckets share none. */
function manifest(uris: readonly string[]): string {
  const folders = uris.map((uri) => uri.slice(0, uri.lastIndexOf('/') + 1));
  const prefix = folders.reduce(
    (common, folder) => (folder.startsWith(common) ? common : shared(common, folder)),
    folders[0] ?? '',
  );
  return parseS3Uri(prefix) ? JSON.stringify([{ prefix }, ...uris.map((uri) => uri.slice(prefix.length))]) : JSON.stringify(uris);
}

function shared(one: string, other: string): string {
  const [a, b] = [one.split('/'), other.split('/')];
  const count = a.findIndex((part, n) => part !== b[n]);
  const common = a.slice(0, count);
  // the scheme alone is no place
  return common.length > 2
    ? formatS3Uri({
        bucket: common[2] ?? '',
        key: common
          .slice(3)
          .map((part) => `${part}/`)
          .join(''),
      })
    : '';
}
