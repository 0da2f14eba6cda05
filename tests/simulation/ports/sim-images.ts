import { createRuntimeCatalogue } from '../../../src/backends/sandbox/runtime-catalogue.ts';
import type { FunctionRuntimes } from '../../../src/domains/functions/ports.ts';
import type { ImageTrees, LocalImages } from '../../../src/platform/ports/images.ts';
import type { RuntimeCatalogue } from '../../../src/platform/ports/runtime.ts';

const VERSIONS = { python: '3.11.7', 'xgboost-cpu': '3.2.0', 'scikit-learn': '1.7.2', numpy: '2.3.0', pandas: '2.3.0' };

/** The real image table; every runtime of it is built on the simulated machine. */
export const openSimRuntimes = (images?: Pick<LocalImages, 'find'>): RuntimeCatalogue =>
  createRuntimeCatalogue({}, () => ({ versions: VERSIONS }), images);

export const simFunctionRuntimes: FunctionRuntimes = { version: (kind) => (kind === 'python' ? '3.11.7' : '24.0.0') };

/** Every pushed image can be unpacked. */
export const simImageTrees: ImageTrees = { prepare: async () => {} };
