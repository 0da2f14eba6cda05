import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { LocalImage, LocalImages } from '../../platform/ports/images.ts';
import type { ImageProblem, ResolvedImage, RuntimeCatalogue } from '../../platform/ports/runtime.ts';
import { FOLDER_RUNTIME, runtimeOfFolder } from './image-plan.ts';
import { describeImage, isUnknownImage, lookUpImage, mappingOf } from './image-table.ts';
import type { ImageTable, KnownImage } from './image-table.ts';
import { locateRuntime } from './runtime-environment.ts';
import type { RuntimeEnvironment } from './runtime-environment.ts';

/** What the log names for each framework, besides Python: image family to distribution in the runtime. */
const DISTRIBUTIONS: Readonly<Record<KnownImage['framework'], Readonly<Record<string, string>>>> = {
  xgboost: { xgboost: 'xgboost-cpu', 'scikit-learn': 'scikit-learn' },
  'scikit-learn': { 'scikit-learn': 'scikit-learn', numpy: 'numpy', pandas: 'pandas' },
  python: {},
};

/**
 * Images of this machine: those pushed or imported here, then the image table joined with the runtimes that are really built. `mappings` is `images` of slipway.yaml.
 * `resolve` throws BackendError when the runtime behind a known image is not built.
 */
export function createRuntimeCatalogue(
  mappings: Readonly<Record<string, string>> = {},
  locate: (name: string) => Pick<RuntimeEnvironment, 'versions'> = locateRuntime,
  images?: Pick<LocalImages, 'find'>,
): RuntimeCatalogue {
  const table = JSON.parse(readFileSync(new URL('../../../runtimes/images.json', import.meta.url), 'utf8')) as ImageTable;
  return {
    resolve(image: string): ResolvedImage | ImageProblem {
      const target = mappingOf(image, mappings) ?? image;
      if (isFolder(target)) return ownFolder(image, target);
      const local = images?.find(target);
      if (local) return 'problem' in local ? local : ownImage(image, local);
      const found = lookUpImage(table, image, mappings);
      return isUnknownImage(found) ? found : resolved(image, found, locate(found.runtime).versions);
    },
  };
}

function resolved(image: string, known: KnownImage, versions: Readonly<Record<string, string>>): ResolvedImage {
  const actual: Record<string, string> = {};
  for (const [library, distribution] of Object.entries(DISTRIBUTIONS[known.framework])) {
    const version = versions[distribution];
    if (version !== undefined) actual[library] = version;
  }
  actual['python'] = versions['python'] ?? 'unknown';
  const { repository, tag, runtime, framework, promised } = known;
  const note = describeImage(known, promised, actual);
  const commands = framework === 'python' ? {} : { trainCommand: ['train'], serveCommand: ['serve'] };
  return {
    image,
    repository,
    tag,
    runtime,
    framework,
    promised,
    actual,
    profile: { framework, note, ...known.profile },
    ...commands,
  };
}

/** A value of `images` that names a folder and no image. */
const isFolder = (target: string): boolean => /^~?\//.test(target);

/** An image of one's own: its programs follow AWS's contract, whatever they are. */
function ownImage(image: string, { repository, tag, entrypoint, command, user, root }: LocalImage): ResolvedImage {
  const asRoot = user === undefined ? '' : `; its user ${user} is root here`;
  const note = `image ${repository}:${tag} runs on its own root file system (sha256:${root.digest.slice(0, 12)}${asRoot})`;
  return {
    image,
    repository,
    tag,
    runtime: `sha256:${root.digest}`,
    digest: `sha256:${root.digest}`,
    root,
    framework: 'python',
    promised: {},
    actual: {},
    profile: { note },
    entrypoint,
    command,
    trainCommand: [...entrypoint, 'train'],
    serveCommand: [...entrypoint, 'serve'],
  };
}

/** Programs named `train` and `serve` in a folder of this host, on our own Python environment. */
function ownFolder(image: string, target: string): ResolvedImage {
  const folder = resolve(target.replace(/^~(?=\/)/, homedir()));
  return {
    image,
    repository: image,
    tag: 'folder',
    runtime: runtimeOfFolder(folder),
    framework: 'python',
    promised: {},
    actual: {},
    profile: {
      note: `image ${image} is the folder ${folder} (images in slipway.yaml), on the Python environment ${FOLDER_RUNTIME}`,
    },
    trainCommand: ['train'],
    serveCommand: ['serve'],
  };
}
