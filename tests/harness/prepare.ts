import { buildRuntime, findPython, findRuntime } from '../../toolchain/python.mjs';
import { findChromium } from '../browser/chromium.ts';
import { clientEnvironment } from './client-program.ts';

/** What tests need beside the set-up, brought along before the first of them: a download is in no test's time. Run by tests/run.ts. */
await clientEnvironment();
findChromium(); // where it cannot be had, its tests say so; two files that install it at once would be in each other's way
const python = findPython();
if (python && !findRuntime('build')) {
  const log = (line: string) => process.stderr.write(`tools of builds: ${line}\n`);
  log('downloading the AWS CLI and uv from PyPI, about 40 MB');
  await buildRuntime('build', python, log);
}
