import { readFileSync } from 'node:fs';
import type { ImageProblem, ResolvedImage, RuntimeCatalogue } from '../../platform/ports/runtime.ts';
import { describeImage, isUnknownImage, lookUpImage } from './image-table.ts';
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
 * Images of this machine: the image table joined with the runtimes that are really built. `mappings` is `images` of slipway.yaml.
 * `resolve` throws BackendError when the runtime behind a known image is not built.
 */
export function createRuntimeCatalogue(
  mappings: Readonly<Record<string, string>> = {},
  locate: (name: string) => Pick<RuntimeEnvironment, 'versions'> = locateRuntime,
): RuntimeCatalogue {
  const table = JSON.parse(readFileSync(new URL('../../../runtimes/images.json', import.meta.url), 'utf8')) as ImageTable;
  return {
    resolve(image: string): ResolvedImage | ImageProblem {
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
