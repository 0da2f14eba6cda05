#!/usr/bin/env node
import { Command, CommanderError, Help, Option } from 'commander';
import packageFile from '../../package.json' with { type: 'json' };
import type { DeployOptions } from './verbs/deploy.ts';
import { CliExit } from './exit.ts';
import { forTerminal } from './output.ts';
import type { GlobalOptions } from './session.ts';

// Verbs are loaded when used: `slipway env` must not pay for what `slipway serve` needs.

/** Heading of the options that all verbs share. */
const SHARED = 'Options of every verb:';

/** One verb with the options all verbs share. */
function verb(program: Command, usage: string, summary: string): Command {
  const [name = ''] = usage.split(' ');
  const path = program.parent ? `${program.name()} ${name}` : name;
  const command = program.command(usage).description(summary).showHelpAfterError(`(see: npx slipway ${path} --help)`);
  for (const option of sharedOptions()) command.addOption(option.helpGroup(SHARED));
  return command;
}

const sharedOptions = (): Option[] => [
  new Option('--data <dir>', 'data folder (default: $SLIPWAY_DATA, else ./.slipway)'),
  new Option('--region <region>', "AWS region of the resources (default: the data folder's)"),
  new Option('--json', 'machine-readable output'),
];

/** Help as people read it: a default as it is typed, and what may be given several times without one. */
function optionDescription(option: Option): string {
  const value: unknown = option.defaultValue;
  const isTold = typeof value === 'string' || typeof value === 'number';
  return isTold ? `${option.description} (default: ${value})` : option.description;
}

/** What a verb alone has comes first. */
function groupItems<T extends Command | Option>(
  this: Help,
  unsorted: T[],
  visible: T[],
  groupOf: (item: T) => string,
): Map<string, T[]> {
  const groups: Map<string, T[]> = Help.prototype.groupItems.call(this, unsorted, visible, groupOf as never) as never;
  const shared = groups.get(SHARED);
  if (shared && groups.delete(SHARED)) groups.set(SHARED, shared);
  return groups;
}

function serverVerbs(program: Command): void {
  program.commandsGroup('Server and clients:');
  verb(program, 'serve', 'run the server until Ctrl-C or SIGTERM')
    .option('--port <port>', 'main port, 0 = a free one (default: 7600, or as recorded in the data folder)')
    .option('--runtime-port <port>', 'port for invocations (default: main port + 1)')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--stop-jobs', 'end running jobs when the server is stopped')
    .action(async (options) => (await import('./verbs/server.ts')).serve(options));
  verb(program, 'down', 'stop the server of the data folder')
    .option('--jobs', 'end running jobs too')
    .action(async (options) => (await import('./verbs/server.ts')).down(options));
  verb(program, 'env', 'print shell lines that point AWS programs at this server: eval "$(npx slipway env)"').action(
    async (options: GlobalOptions) => (await import('./verbs/env.ts')).env(options),
  );
  verb(program, 'exec', 'run a program or notebook, all of whose AWS calls reach this server: exec -- COMMAND')
    .argument('<command...>', 'after --')
    .option('--role <role>', 'role the command acts as, by name or ARN', 'SageMakerPipelineExecutionRole')
    .option('--as-user', 'act as the user of the data folder instead')
    .action(async (command: string[], options) => (await import('./verbs/exec.ts')).exec(command, options));
  verb(program, 'ui', 'print a one-time link to the web page').action(async (options: GlobalOptions) =>
    (await import('./verbs/ui.ts')).ui(options),
  );
  verb(program, 'doctor', 'say what is missing on this machine and the command that mends it').action(
    async (options: GlobalOptions) => (await import('./verbs/doctor.ts')).doctor(options),
  );
  verb(program, 'backup <dir>', 'copy the data folder into a new folder, also while its server runs')
    .option('--previous <dir>', 'an earlier backup on the same disk: contents it has are linked, not copied')
    .action(async (dir: string, options) => (await import('./verbs/backup.ts')).backup(dir, options));
  verb(program, 'restore <dir>', 'make a new data folder (--data) of a backup')
    .option('--check', 'only read the backup and say whether it is whole')
    .action(async (dir: string, options) => (await import('./verbs/backup.ts')).restore(dir, options));
  const audit = program.command('audit').description('the ledger of changes');
  verb(audit, 'verify', 'check every entry of the ledger against its hash chain').action(async (options: GlobalOptions) =>
    (await import('./verbs/audit.ts')).auditVerify(options),
  );
}

const collect = (value: string, before: string[]): string[] => [...before, value];

function pipelineVerbs(program: Command): void {
  program.commandsGroup('Pipelines:');
  verb(program, 'init [dir]', 'a project of your own that runs as it is')
    .option('--template <name>', 'kind of project: bare, or codepipeline (from a push to production)', 'bare')
    .option('--language <name>', 'of the pipeline, with codepipeline: typescript or python', 'typescript')
    .action(async (dir, options) => (await import('./verbs/init.ts')).init(dir, options));
  verb(program, 'validate <file>', 'check a pipeline: a definition (JSON) or a TypeScript program').action(
    async (file, options) => (await import('./verbs/pipeline.ts')).validate(file, options),
  );
  verb(program, 'upsert <file>', 'create the pipeline or update it')
    .option('--name <name>', 'pipeline name, for a definition file (default: the file name)')
    .option('--role <arn>', 'role the pipeline acts by')
    .action(async (file, options) => (await import('./verbs/pipeline.ts')).upsert(file, options));
  verb(
    program,
    'run <pipeline-or-file> [words...]',
    'start an execution; a file (definition, TypeScript, Python) needs no server beforehand',
  )
    .option('--name <name>', 'pipeline name, for a definition file (default: the file name)')
    .option('--role <arn>', 'role the pipeline acts by')
    .option('--param <K=V>', 'pipeline parameter, repeatable', collect, [])
    .option('--wait', 'follow the execution to its end; exit 1 unless it succeeds')
    .option('--select <step>', 'run only this step, repeatable; what it needs is taken from the newest execution', collect, [])
    .option('--cache <mode>', 'what cached steps compare from now on: content or documented (as AWS does)')
    .option('--keep', 'leave the server on that was started for this run')
    .action(async (target, words, options) => (await import('./verbs/run.ts')).run(target, words, options));
  verb(program, 'plan <pipeline-or-file>', 'what an execution would run, what it would take from the cache, and why')
    .option('--name <name>', 'pipeline name, for a definition file (default: the file name)')
    .option('--role <arn>', 'role the pipeline acts by')
    .option('--param <K=V>', 'pipeline parameter, repeatable', collect, [])
    .action(async (target, options) => (await import('./verbs/plan.ts')).plan(target, options));
  executionVerbs(program);
}

function executionVerbs(program: Command): void {
  program.commandsGroup('Executions:');
  verb(program, 'status [execution]', 'one execution, or the newest of every pipeline').action(async (reference, options) =>
    (await import('./verbs/execution.ts')).status(reference, options),
  );
  verb(program, 'steps <execution>', 'the steps of an execution').action(async (reference, options) =>
    (await import('./verbs/execution.ts')).steps(reference, options),
  );
  verb(program, 'logs <execution> <step>', 'the log of a step')
    .option('-f, --follow', 'go on until the step ends')
    .action(async (reference, step, options) => (await import('./verbs/logs.ts')).logs(reference, step, options));
  verb(program, 'wait <execution>', 'follow an execution to its end; exit 1 unless it succeeds').action(
    async (reference, options) => (await import('./verbs/execution.ts')).wait(reference, options),
  );
  verb(program, 'stop <execution>', 'stop an execution and its running jobs').action(async (reference, options) =>
    (await import('./verbs/execution.ts')).stop(reference, options),
  );
  verb(program, 'retry <execution>', 'go on with a failed or stopped execution, by the definition it has')
    .option('--wait', 'follow the execution to its end; exit 1 unless it succeeds')
    .action(async (reference, options) => (await import('./verbs/retry.ts')).retry(reference, options));
  verb(program, 'resume <execution>', 'run what an execution did not finish, by the pipeline as it is now')
    .option('--from <step>', 'run this step and everything after it, also what succeeded')
    .option('--param <K=V>', 'another value than the execution had, repeatable', collect, [])
    .option('--wait', 'follow the execution to its end; exit 1 unless it succeeds')
    .action(async (reference, options) => (await import('./verbs/retry.ts')).resume(reference, options));
}

function modelVerbs(program: Command): void {
  program.commandsGroup('Models:');
  for (const [name, verdict] of [
    ['approve', 'Approved'],
    ['reject', 'Rejected'],
  ] as const) {
    verb(program, `${name} <package>`, `set a model package to ${verdict}, or answer a delivery (PIPELINE/STAGE/ACTION)`)
      .option('--reason <text>', 'why; kept with the version and in the ledger')
      .action(async (reference, options) => (await import('./verbs/approval.ts')).decideApproval(verdict, reference, options));
  }
  verb(program, 'deploy <package>', 'serve an approved model package at an endpoint')
    .requiredOption('--endpoint <name>', 'endpoint to create or move')
    .option('--instance-type <type>', 'instance type of the model server', 'ml.m5.large')
    .option('--instance-count <n>', 'model servers behind the endpoint', '1')
    .option('--role <arn>', 'execution role of the model')
    .action(async (reference, options: DeployOptions) => (await import('./verbs/deploy.ts')).deploy(reference, options));
  verb(program, 'invoke <endpoint>', 'ask an endpoint for a prediction')
    .requiredOption('--body <text>', 'request body: text, @FILE, or - for stdin')
    .option('--content-type <type>', 'what the body is', 'text/csv')
    .option('--accept <type>', 'what the answer should be')
    .option('--target-variant <name>', 'variant to ask')
    .action(async (endpoint, options) => (await import('./verbs/deploy.ts')).invoke(endpoint, options));
}

function releaseVerbs(program: Command): void {
  program.commandsGroup('Deliveries and environments of a project:');
  const projectVerb = (usage: string, summary: string) =>
    verb(program, usage, summary).option('--project <dir>', 'folder of the project', '.');
  verb(program, 'delivery <pipeline>', 'follow the newest delivery of a pipeline to its end; exit 1 unless it succeeds').action(
    async (pipeline, options) => (await import('./verbs/delivery.ts')).delivery(pipeline, options),
  );
  projectVerb('promote [package]', 'move a registered version to an environment, as it is')
    .requiredOption('--to <environment>', 'where to')
    .option('--from <environment>', 'take what that environment serves')
    .action(async (reference, options) => (await import('./verbs/release.ts')).promote(reference, options));
  projectVerb('smoke <environment>', "run the environment's smoke test").action(async (name, options) =>
    (await import('./verbs/release.ts')).smoke(name, options),
  );
  projectVerb('rollback <environment>', 'serve again what the environment served before')
    .option('--to <which>', 'previous', 'previous')
    .action(async (name, options) => (await import('./verbs/release.ts')).rollback(name, options));
}

function cleanVerb(program: Command): void {
  verb(program, 'clean <project>', 'remove what a project has on the server; what is live stays, and is named')
    .option('--dry-run', 'only say what would go and what would stay')
    .action(async (project, options) => (await import('./verbs/clean.ts')).clean(project, options));
}

function imageVerbs(program: Command): void {
  program.commandsGroup('Images and the rest:');
  const image = program.command('image').description('images of your own, which run without a container engine');
  verb(image, 'import <file>', 'take over an OCI layout or archive, or a docker save file')
    .option('--name <repository:tag>', 'what to call it (default: as the file says)')
    .option('--ref <name>', 'which one, of a file that holds several')
    .action(async (file, options) => (await import('./verbs/image.ts')).importImage(file, options));
  verb(image, 'list', 'images that were imported or pushed').action(async (options: GlobalOptions) =>
    (await import('./verbs/image.ts')).listImages(options),
  );
  verb(image, 'remove <name>', 'remove a tag, and with its last tag the image').action(async (name, options) =>
    (await import('./verbs/image.ts')).removeImage(name, options),
  );
}

/** What programs call, not people. */
function hiddenVerbs(program: Command): void {
  program
    .command('git-credential', { hidden: true })
    .argument('<action>')
    .option('--data <dir>')
    .action(async (action, options) => (await import('./verbs/git-credential.ts')).gitCredential(action, options));
}

/** Verbs of the design that later versions bring; they say so instead of being unknown. */
function laterVerbs(program: Command): void {
  for (const name of ['graph', 'sign', 'monitor', 'retrain']) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .argument('[words...]')
      .action(() => {
        throw new CliExit(1, `slipway ${name}: not implemented in this version.`);
      });
  }
}

const HELP_END = `
execution: an ARN, an id, or a pipeline's name (its newest execution)
package:   an ARN, GROUP/N, or GROUP (its newest version)
Every verb that talks to a server takes --data DIR (default: $SLIPWAY_DATA, else ./.slipway) and --json.
\`slipway setup\` brings the machine up to date; the verbs that need it call it themselves.
Exit codes: 0 done, 1 the work failed, 2 wrong use.`;

function buildProgram(): Command {
  const program = new Command('slipway')
    .description('SageMaker pipelines, registry and endpoints, really executing on machines you own.')
    .version(packageFile.version)
    .configureHelp({ optionDescription, groupItems })
    .showHelpAfterError('(see: npx slipway --help)')
    .addHelpText('after', HELP_END)
    .exitOverride();
  serverVerbs(program);
  pipelineVerbs(program);
  modelVerbs(program);
  releaseVerbs(program);
  cleanVerb(program);
  imageVerbs(program);
  program
    .command('demo')
    .description('the whole main job on real data, in a fresh data folder')
    .argument('[chapter]', 'instead of the main job: container (an image of your own), delivery (from a push to production)')
    .option('--keep', 'leave the server running and print its page')
    .option('--break', 'a script that fails, its fix, and an execution that resumes without repeating what succeeded')
    .option('--threshold <accuracy>', 'accuracy a model needs to be registered', '0.80')
    .option('--json', 'machine-readable output')
    .addOption(new Option('--project <dir>', 'a changed copy of examples/breast-cancer').hideHelp())
    .action(async (chapter, options) => (await import('./demo/demo.ts')).demo(chapter, options));
  program
    .command('dev <what> [words...]', { hidden: true })
    .option('--quick')
    .option('--long')
    .option('--source <dir>')
    .option('--python <file>')
    .action(async (what, words, options) => (await import('./verbs/dev.ts')).dev(what, options, words));
  program.helpCommand('help [command]', 'the help of a command');
  hiddenVerbs(program);
  laterVerbs(program);
  return program;
}

async function main(): Promise<number> {
  // The reader of our output may go first, as in `slipway logs … | head`: no failure, and no reason for a server to end.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (process.argv[2] !== 'serve') process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  try {
    await buildProgram().parseAsync(process.argv);
    return 0;
  } catch (error) {
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has printed its message
  if (error instanceof CliExit) {
    if (error.message !== '') process.stderr.write(`${forTerminal(error.message)}\n`);
    return error.code;
  }
  if (!(error instanceof Error)) throw error;
  if (error.name === 'AwsError') {
    process.stderr.write(`${(error as Error & { code: string }).code}: ${forTerminal(error.message)}\n`);
    return 1;
  }
  if (error.name === 'ConfigError') {
    process.stderr.write(`slipway: ${forTerminal(error.message)}\n`);
    return 2;
  }
  if ('syscall' in error) {
    // the machine refused it: a file that cannot be made or read, say
    process.stderr.write(`slipway: ${forTerminal(error.message)}\n`);
    return 1;
  }
  throw error;
}

process.exitCode = await main();
