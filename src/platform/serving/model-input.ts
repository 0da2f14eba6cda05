import type { PinnedArtifact } from '../objects/pin.ts';
import { parseS3Uri } from '../objects/s3-uri.ts';
import type { WorkInput } from '../ports/work.ts';

const MODEL_FOLDER = '/opt/ml/model';

/** How a model server finds its model data: an archive unpacked, or the files below a prefix. Pure. */
export function modelInput(artifact: PinnedArtifact): WorkInput {
  const prefix = parseS3Uri(artifact.uri)?.key ?? '';
  const entries = artifact.objects.map(({ uri, digest, sizeBytes }) => {
    const key = parseS3Uri(uri)?.key ?? '';
    const relativePath = artifact.form === 'prefix' ? key.slice(prefix.length).replace(/^\/+/, '') : 'model.tar.gz';
    return { relativePath: relativePath || key.split('/').at(-1) || 'model', digest, sizeBytes };
  });
  return artifact.form === 'object'
    ? { path: MODEL_FOLDER, access: 'writable', entries, extract: 'tar.gz' }
    : { path: MODEL_FOLDER, access: 'read-only', entries };
}
