import { dataFlag } from '../data-folder-option.ts';
import { failed, wrongUse } from '../exit.ts';
import { readProject } from '../project/environments.ts';
import { openRelease, promoteTo, type Release, rollbackEnvironment, runSmokeTest, shortPackage } from '../project/release.ts';
import { packageArnOf } from '../references.ts';
import { type GlobalOptions, openSession } from '../session.ts';

export interface ProjectOptions extends GlobalOptions {
  readonly project?: string;
}

async function open(options: ProjectOptions): Promise<Release> {
  const project = readProject(options.project);
  const { connection, output } = await openSession(options);
  return openRelease(connection, output, project);
}

/** `slipway promote [PACKAGE] --to ENV [--from ENV]`: the registered version moves as it is. */
export async function promote(
  reference: string | undefined,
  options: ProjectOptions & { to: string; from?: string },
): Promise<void> {
  if (reference !== undefined && options.from !== undefined) throw wrongUse('Give a package or --from, not both.');
  const release = await open(options);
  const packageArn = reference === undefined ? undefined : await packageArnOf(release.connection, reference);
  const moved = await promoteTo(release, { to: options.to, from: options.from, packageArn });
  release.output.line(`${moved.environment} serves ${shortPackage(moved.packageArn)}, model SHA-256 ${moved.digest}`);
  if (release.project.environments[options.to]?.smokeTest)
    release.output.line(`test it: npx slipway smoke ${options.to}${dataFlag(release.connection.folder)}`);
  release.output.result(moved);
}

/** `slipway smoke ENV` */
export async function smoke(name: string, options: ProjectOptions): Promise<void> {
  const release = await open(options);
  const { served, problems } = await runSmokeTest(release, name);
  release.output.result({ environment: name, ...served, passed: problems.length === 0, problems });
  if (problems.length > 0) throw failed(`${name}: the smoke test failed: ${problems.join('; ')}`);
  release.output.line(`${name}: the smoke test passed`);
}

/** `slipway rollback ENV [--to previous]` */
export async function rollback(name: string, options: ProjectOptions & { to: string }): Promise<void> {
  if (options.to !== 'previous')
    throw wrongUse(`--to ${options.to}: only "previous". Another version: npx slipway promote PACKAGE --to ${name}`);
  const release = await open(options);
  const served = await rollbackEnvironment(release, name);
  release.output.line(`${name} serves ${served.packageArn ? shortPackage(served.packageArn) : served.config} again`);
  release.output.result({ environment: name, ...served });
}
