import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { connect, runningServer } from '../connection.ts';
import { dataFlag, dataFolderOf } from '../data-folder-option.ts';
import { failed, wrongUse } from '../exit.ts';
import { createOutput, type Output, shortPath } from '../output.ts';
import { ENVIRONMENTS_FILE, isProjectName, readProject } from '../project/environments.ts';
import { setUpProject } from '../project/set-up.ts';
import { prepareRepository, writeProject } from '../project/template.ts';
import type { GlobalOptions } from '../session.ts';

const CHECKOUT = resolve(import.meta.dirname, '../../..');
const EXAMPLE = join(CHECKOUT, 'examples/breast-cancer');

export interface InitOptions extends GlobalOptions {
  readonly template: string;
  readonly language: string;
}

/** `slipway init [DIR]`: a project of one's own, which runs as it is. Nothing that is there is written over. */
export async function init(directory: string | undefined, options: InitOptions): Promise<void> {
  if (options.template === 'codepipeline') return initDelivery(directory, options);
  if (options.template !== 'bare') {
    throw options.template === 'gitlab' || options.template === 'github'
      ? failed(
          `slipway init --template ${options.template}: not implemented in this version. Without --template: a project to run here.`,
        )
      : wrongUse(`--template ${options.template}: there are bare, codepipeline, gitlab and github.`);
  }
  const folder = resolve(directory ?? '.');
  const files = projectFiles(folder);
  refuseExisting(folder, [...files.keys(), ...readdirSync(EXAMPLE)]);
  mkdirSync(folder, { recursive: true });
  cpSync(EXAMPLE, folder, { recursive: true, filter: (path) => !path.includes('__pycache__') });
  for (const [name, text] of files) writeFileSync(join(folder, name), text, { flag: 'wx' });
  const output = createOutput(options.json ?? false);
  const problem = installLink(folder);
  const enter = directory === undefined ? '' : `cd ${shortPath(folder)} && `;
  output.line(`A project in ${folder}: pipeline.ts and the scripts it runs.`);
  if (problem) output.line(`npm could not link slipway (${problem}). Do it yourself: ${enter}npm install`);
  output.line(`run it: ${enter}npx slipway run pipeline.ts`);
  output.result({ folder, files: [...files.keys(), ...readdirSync(EXAMPLE)].sort(), linked: problem === undefined });
}

/**
 * A project with a delivery of its own. Its files are written once; repository, builds, delivery pipelines and rules are made on the server
 * when one is up, and by the same command again later.
 */
async function initDelivery(directory: string | undefined, options: InitOptions): Promise<void> {
  const folder = resolve(directory ?? '.');
  const isNew = !existsSync(join(folder, ENVIRONMENTS_FILE));
  const output = createOutput(options.json ?? false);
  const files = isNew ? writeFiles(folder, options.language) : [];
  if (isNew) output.line(`A project in ${folder}: ${files.filter((name) => !name.includes('/')).join(', ')}`);
  const problem = isNew ? installLink(folder) : undefined;
  const enter = directory === undefined || directory === '.' ? '' : `cd ${shortPath(folder)} && `;
  if (problem) output.line(`npm could not link slipway (${problem}). Do it yourself: ${enter}npm install`);
  const project = readProject(folder);
  const dataFolder = dataFolderOf(options.data);
  if (!(await runningServer(dataFolder))) {
    const git = noteGit(output, prepareRepository(folder, dataFolder));
    output.line(`No server is listening for ${dataFolder}. Start one (npx slipway serve), then make the delivery on it:`);
    output.line(`  npx slipway init ${directory ?? '.'} --template codepipeline${dataFlag(dataFolder)}`);
    return output.result({ folder, files, project: project.project, server: null, git });
  }
  const connection = await connect(dataFolder, options.region);
  output.line(`On ${connection.url}:`);
  const { cloneUrl } = await setUpProject(connection, output, project);
  const git = noteGit(output, prepareRepository(folder, dataFolder, cloneUrl));
  output.line(`push it: ${enter}git push slipway main`);
  output.result({ folder, files, project: project.project, server: connection.url, cloneUrl, git });
}

function writeFiles(folder: string, language: string): string[] {
  if (language !== 'typescript' && language !== 'python')
    throw wrongUse(`--language ${language}: there are typescript and python.`);
  const name = basename(folder);
  if (!isProjectName(name))
    throw wrongUse(
      `"${name}" cannot name a project: up to 40 letters, digits and single hyphens, since its pipelines are called so.`,
    );
  return writeProject(folder, name, language);
}

/** Says what git could not do; null in the machine-readable result where it did all. */
function noteGit(output: Output, problem: string | undefined): string | null {
  if (problem !== undefined) output.line(`git: ${problem}`);
  return problem ?? null;
}

function refuseExisting(folder: string, names: readonly string[]): void {
  const existing = names.filter((name) => existsSync(join(folder, name)));
  if (existing.length > 0) {
    throw failed(`slipway init: ${folder} has ${existing.join(', ')} already. Choose an empty folder: npx slipway init DIR`);
  }
}

function projectFiles(folder: string): ReadonlyMap<string, string> {
  const manifest = {
    name:
      basename(folder)
        .toLowerCase()
        .replaceAll(/[^a-z0-9._-]+/g, '-')
        .replace(/^[._-]+/, '') || 'slipway-project',
    private: true,
    type: 'module',
    scripts: { start: 'slipway run pipeline.ts' },
    dependencies: { slipway: `file:${CHECKOUT}`, '@slipway/sdk': `file:${join(CHECKOUT, 'sdk')}` },
  };
  return new Map([
    ['package.json', `${JSON.stringify(manifest, undefined, 2)}\n`],
    ['.gitignore', 'node_modules/\n.slipway/\n'],
    ['README.md', README],
  ]);
}

const README = `# A Slipway project

\`pipeline.ts\` says what is run: from raw data to a registered model, if it is good enough. \`scripts/\` is the code of its steps, as it would run on
Amazon SageMaker.

\`\`\`sh
npx slipway run pipeline.ts                        # to its end, with a server of its own
npx slipway run pipeline.ts --param NumRound=200   # another value for a parameter
npx slipway serve                                  # a server that stays; then, in another shell:
npx slipway ui                                     # its page
npx slipway approve breast-cancer --reason "Reviewed"
npx slipway deploy breast-cancer --endpoint breast-cancer
npx slipway invoke breast-cancer --body @row.csv
\`\`\`

State lies in \`.slipway/\`: models, logs, and the ledger of who changed what (\`npx slipway audit verify\`).
`;

/** Only links into the checkout: nothing is downloaded. Says why when it did not work. */
function installLink(folder: string): string | undefined {
  const { status, error, stderr } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (error) return error.message;
  return status === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? `exit code ${status}`);
}
