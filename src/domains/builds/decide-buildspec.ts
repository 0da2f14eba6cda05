import { type Document, isScalar, parseDocument, visit } from 'yaml';

/**
 * A buildspec (version 0.1 or 0.2) as it is to be run. Every value is text as it stands in the file: `3.10` stays `3.10`. What is wrong
 * names its path and the rule; what is merely unknown here is a note for the log. Pure.
 */
export interface Buildspec {
  readonly version: '0.1' | '0.2';
  readonly shell?: 'bash' | 'sh';
  readonly variables: Readonly<Record<string, string>>;
  /** Variable to parameter name. */
  readonly parameterStore: Readonly<Record<string, string>>;
  /** Variable to `secret-id:json-key:version-stage:version-id`. */
  readonly secretsManager: Readonly<Record<string, string>>;
  readonly exported: readonly string[];
  readonly phases: Readonly<Record<PhaseKey, BuildspecPhase>>;
  readonly runtimeVersions: Readonly<Record<string, string>>;
  readonly artifacts?: ArtifactSpec;
  readonly secondaryArtifacts: Readonly<Record<string, ArtifactSpec>>;
  readonly reports: readonly ReportSpec[];
  readonly cachePaths: readonly string[];
  /** What is not done as it stands there. */
  readonly notes: readonly string[];
}

export const PHASE_KEYS = ['install', 'pre_build', 'build', 'post_build'] as const;
type PhaseKey = (typeof PHASE_KEYS)[number];

export interface BuildspecPhase {
  readonly commands: readonly string[];
  readonly finally: readonly string[];
  readonly onFailure?: OnFailure;
}

export type OnFailure =
  | { readonly action: 'ABORT' | 'CONTINUE' }
  /** `pattern`: of the failure's message, a regular expression; any when absent. */
  | { readonly action: 'RETRY'; readonly times: number; readonly pattern?: string };

export interface ArtifactSpec {
  readonly files: readonly string[];
  readonly excludePaths: readonly string[];
  readonly baseDirectory?: string;
  readonly discardPaths: boolean;
  readonly enableSymlinks: boolean;
  readonly name?: string;
  readonly s3Prefix?: string;
}

const TEST_FORMATS = ['JUNITXML', 'CUCUMBERJSON', 'NUNITXML', 'NUNIT3XML', 'TESTNGXML', 'VISUALSTUDIOTRX'] as const;
export const COVERAGE_FORMATS = ['CLOVERXML', 'COBERTURAXML', 'JACOCOXML', 'SIMPLECOV'] as const;
export type ReportFormat = (typeof TEST_FORMATS)[number] | (typeof COVERAGE_FORMATS)[number];

export interface ReportSpec {
  /** Name of a report group, or its ARN. */
  readonly group: string;
  readonly files: readonly string[];
  readonly baseDirectory?: string;
  readonly discardPaths: boolean;
  readonly format: ReportFormat;
}

interface BuildspecProblem {
  readonly problem: string;
}

const BUILDSPEC_CHARACTERS_MAX = 512 * 1024;
const RETRIES_DEFAULT = 3;
const RETRIES_MAX = 100;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export const isBuildspecProblem = (value: object): value is BuildspecProblem => 'problem' in value;

export function parseBuildspec(text: string): Buildspec | BuildspecProblem {
  if (text.length > BUILDSPEC_CHARACTERS_MAX) {
    return { problem: `The buildspec has ${text.length} characters; at most ${BUILDSPEC_CHARACTERS_MAX} are read.` };
  }
  const tree = readYaml(text);
  if ('problem' in tree) return tree;
  const reader = new BuildspecReader();
  const spec = reader.read(tree.value);
  return reader.problem === undefined ? spec : { problem: reader.problem };
}

/** Scalars stay text: YAML's own types would make 3.1 of 3.10 and true of yes. */
function readYaml(text: string): { readonly value: unknown } | BuildspecProblem {
  try {
    // keys are compared below: the parser compares each with each
    const document = parseDocument(text, { schema: 'failsafe', merge: true, uniqueKeys: false });
    const [error] = document.errors;
    const twice = error ? undefined : keyTwice(document);
    if (twice !== undefined) return { problem: `Keys are unique in a mapping: ${show(twice)} is given twice.` };
    return error ? { problem: error.message.trim() } : { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }; // aliases that name too much
  }
}

function keyTwice(document: Document): string | undefined {
  let twice: string | undefined;
  visit(document, {
    Map(_key, { items }) {
      const known = new Set<unknown>();
      for (const { key } of items) {
        const value = isScalar(key) ? key.value : key;
        if (known.has(value) && value !== '<<') twice ??= String(value);
        known.add(value);
      }
      return twice === undefined ? undefined : visit.BREAK;
    },
  });
  return twice;
}

type Mapping = Readonly<Record<string, unknown>>;

const PHASE_MEMBERS = ['run-as', 'on-failure', 'runtime-versions', 'commands', 'finally', 'steps'];
const ARTIFACT_MEMBERS = [
  'files',
  'name',
  'discard-paths',
  'base-directory',
  'exclude-paths',
  'enable-symlinks',
  's3-prefix',
  'secondary-artifacts',
  'type',
];

/** Remembers the first rule that was broken; what it gives afterwards is not used. */
class BuildspecReader {
  problem: string | undefined;
  readonly #notes: string[] = [];

  read(value: unknown): Buildspec {
    const root = this.#mapping(value, '');
    this.#knows(root, '', ['version', 'run-as', 'env', 'proxy', 'batch', 'phases', 'reports', 'artifacts', 'cache']);
    const version = this.#version(root['version']);
    for (const key of ['proxy', 'batch']) if (root[key] !== undefined) this.#note(`${key} is not implemented and was left out.`);
    this.#runAs(root, '');
    const env = this.#mapping(root['env'], 'env');
    this.#knows(env, 'env', [
      'shell',
      'variables',
      'parameter-store',
      'secrets-manager',
      'exported-variables',
      'git-credential-helper',
    ]);
    // nothing to be done for it: git finds the role's credentials in every build
    this.#yes(env['git-credential-helper'], 'env.git-credential-helper');
    const phases = this.#phases(root['phases']);
    const artifacts = this.#artifacts(root['artifacts']);
    const shell = this.#shell(env['shell']);
    return {
      version,
      ...(shell && { shell }),
      variables: this.#variables(env['variables'], 'env.variables'),
      parameterStore: this.#variables(env['parameter-store'], 'env.parameter-store'),
      secretsManager: this.#variables(env['secrets-manager'], 'env.secrets-manager'),
      exported: this.#exported(env['exported-variables']),
      ...phases,
      ...artifacts,
      reports: this.#reports(root['reports']),
      cachePaths: this.#cache(root['cache']),
      notes: this.#notes,
    };
  }

  #fail(path: string, rule: string): void {
    this.problem ??= path === '' ? rule : `${path}: ${rule}`;
  }

  #note(text: string): void {
    this.#notes.push(text);
  }

  #version(value: unknown): '0.1' | '0.2' {
    if (value === undefined || value === null || value === '') this.#fail('version', 'is missing. Write `version: 0.2`.');
    else if (value !== '0.1' && value !== '0.2') this.#fail('version', `must be 0.1 or 0.2; found ${show(value)}.`);
    return value === '0.1' ? '0.1' : '0.2';
  }

  #shell(value: unknown): 'bash' | 'sh' | undefined {
    if (isEmpty(value)) return undefined;
    if (value === '/bin/sh') return 'sh';
    if (value !== 'bash' && value !== 'sh') {
      this.#fail('env.shell', `must be bash, sh or /bin/sh; found ${show(value)}. PowerShell runs on Windows only.`);
      return undefined;
    }
    return value;
  }

  #phases(value: unknown): Pick<Buildspec, 'phases' | 'runtimeVersions'> {
    if (value === undefined) this.#fail('phases', 'is missing. A buildspec has at least one phase with commands.');
    const all = this.#mapping(value, 'phases');
    for (const key of Object.keys(all)) {
      if (!(PHASE_KEYS as readonly string[]).includes(key)) {
        this.#fail(`phases.${key}`, `is no phase. Phases are ${PHASE_KEYS.join(', ')}.`);
      }
    }
    const phase = (key: PhaseKey) => this.#phase(all[key], `phases.${key}`);
    const install = this.#mapping(all['install'], 'phases.install');
    return {
      phases: {
        install: phase('install'),
        pre_build: phase('pre_build'),
        build: phase('build'),
        post_build: phase('post_build'),
      },
      runtimeVersions: this.#texts(install['runtime-versions'], 'phases.install.runtime-versions'),
    };
  }

  #phase(value: unknown, path: string): BuildspecPhase {
    const phase = this.#mapping(value, path);
    this.#knows(phase, path, PHASE_MEMBERS);
    this.#runAs(phase, path);
    if (!isEmpty(phase['steps'])) this.#fail(`${path}.steps`, 'is not implemented. Write the steps as commands.');
    const onFailure = this.#onFailure(phase['on-failure'], `${path}.on-failure`);
    return {
      commands: this.#list(phase['commands'], `${path}.commands`),
      finally: this.#list(phase['finally'], `${path}.finally`),
      ...(onFailure && { onFailure }),
    };
  }

  #onFailure(value: unknown, path: string): OnFailure | undefined {
    if (isEmpty(value)) return undefined;
    if (value === 'ABORT' || value === 'CONTINUE') return { action: value };
    const [matched, times, pattern] = /^RETRY(?:-(\d+))?(?:-(.+))?$/s.exec(String(value)) ?? [];
    if (matched === undefined) {
      this.#fail(path, `must be ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or RETRY-count-regex; found ${show(value)}.`);
      return undefined;
    }
    if (Number(times ?? 0) > RETRIES_MAX) this.#fail(path, `may ask for at most ${RETRIES_MAX} retries; found ${times}.`);
    return { action: 'RETRY', times: Number(times ?? RETRIES_DEFAULT), ...(pattern !== undefined && { pattern }) };
  }

  #runAs(owner: Mapping, path: string): void {
    const user = owner['run-as'];
    if (isEmpty(user) || user === 'root') return;
    this.#note(
      `${path === '' ? '' : `${path}.`}run-as: ${String(user)} is not another user here; commands run as root of the sandbox.`,
    );
  }

  #artifacts(value: unknown): Pick<Buildspec, 'artifacts' | 'secondaryArtifacts'> {
    const all = this.#mapping(value, 'artifacts');
    const secondary = this.#mapping(all['secondary-artifacts'], 'artifacts.secondary-artifacts');
    const secondaryArtifacts: Record<string, ArtifactSpec> = {};
    for (const [id, one] of Object.entries(secondary)) {
      secondaryArtifacts[id] = this.#artifact(
        this.#mapping(one, `artifacts.secondary-artifacts.${id}`),
        `artifacts.secondary-artifacts.${id}`,
      );
    }
    const isPrimary = Object.keys(all).some((key) => key !== 'secondary-artifacts');
    return isPrimary ? { artifacts: this.#artifact(all, 'artifacts'), secondaryArtifacts } : { secondaryArtifacts };
  }

  #artifact(value: Mapping, path: string): ArtifactSpec {
    this.#knows(value, path, ARTIFACT_MEMBERS);
    const onlySecondary = !isEmpty(value['secondary-artifacts']) && isEmpty(value['files']);
    if (isEmpty(value['files']) && !onlySecondary) this.#fail(`${path}.files`, "is missing. Name what to keep, e.g. `- '**/*'`.");
    return {
      files: this.#list(value['files'], `${path}.files`),
      excludePaths: this.#list(value['exclude-paths'], `${path}.exclude-paths`),
      discardPaths: this.#yes(value['discard-paths'], `${path}.discard-paths`),
      enableSymlinks: this.#yes(value['enable-symlinks'], `${path}.enable-symlinks`),
      ...this.#optional('baseDirectory', value['base-directory'], `${path}.base-directory`),
      ...this.#optional('name', value['name'], `${path}.name`),
      ...this.#optional('s3Prefix', value['s3-prefix'], `${path}.s3-prefix`),
    };
  }

  #reports(value: unknown): ReportSpec[] {
    return Object.entries(this.#mapping(value, 'reports')).map(([group, one]) => {
      const path = `reports.${group}`;
      const report = this.#mapping(one, path);
      this.#knows(report, path, ['files', 'base-directory', 'discard-paths', 'file-format']);
      if (isEmpty(report['files'])) this.#fail(`${path}.files`, 'is missing. Name the files with results.');
      return {
        group,
        files: this.#list(report['files'], `${path}.files`),
        discardPaths: this.#yes(report['discard-paths'], `${path}.discard-paths`),
        format: this.#format(report['file-format'], `${path}.file-format`),
        ...this.#optional('baseDirectory', report['base-directory'], `${path}.base-directory`),
      };
    });
  }

  #format(value: unknown, path: string): ReportFormat {
    if (isEmpty(value)) return 'JUNITXML';
    const asked = String(value).toUpperCase();
    const known = [...TEST_FORMATS, ...COVERAGE_FORMATS].find((format) => format === asked);
    if (!known) this.#fail(path, `must be one of ${[...TEST_FORMATS, ...COVERAGE_FORMATS].join(', ')}; found ${show(value)}.`);
    return known ?? 'JUNITXML';
  }

  #cache(value: unknown): readonly string[] {
    const cache = this.#mapping(value, 'cache');
    this.#knows(cache, 'cache', ['paths', 'key', 'fallback-keys', 'action', 'namespace']);
    for (const key of ['key', 'fallback-keys', 'action', 'namespace']) {
      if (!isEmpty(cache[key])) this.#note(`cache.${key} is not implemented: a project has one cache.`);
    }
    return this.#list(cache['paths'], 'cache.paths');
  }

  #exported(value: unknown): readonly string[] {
    const names = this.#list(value, 'env.exported-variables');
    for (const [at, name] of names.entries()) {
      if (!VARIABLE.test(name)) this.#fail(`env.exported-variables[${at}]`, `${show(name)} is no name of a variable.`);
    }
    return names;
  }

  #variables(value: unknown, path: string): Record<string, string> {
    const variables = this.#texts(value, path);
    for (const name of Object.keys(variables)) {
      if (!VARIABLE.test(name))
        this.#fail(`${path}.${name}`, 'is no name of a variable: letters, digits and _, not beginning with a digit.');
    }
    return variables;
  }

  #texts(value: unknown, path: string): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const [key, one] of Object.entries(this.#mapping(value, path))) texts[key] = this.#text(one, `${path}.${key}`);
    return texts;
  }

  /** Nothing is a list without items; a single text is none. */
  #list(value: unknown, path: string): string[] {
    if (isEmpty(value)) return [];
    if (!Array.isArray(value)) {
      this.#fail(path, `must be a list, each item beginning with "- "; found ${kindOf(value)}.`);
      return [];
    }
    return value.map((item, at) => this.#text(item, `${path}[${at}]`));
  }

  #text(value: unknown, path: string): string {
    if (typeof value === 'string') return value;
    if (value === null || value === undefined) return '';
    const [first] = typeof value === 'object' ? Object.keys(value) : [];
    const hint =
      first === undefined || Array.isArray(value) ? '' : ` with the key ${show(first)}. Put text that has a colon into quotes`;
    this.#fail(path, `must be text; found ${kindOf(value)}${hint}.`);
    return '';
  }

  #optional<K extends string>(member: K, value: unknown, path: string): { readonly [M in K]?: string } {
    return isEmpty(value) ? {} : ({ [member]: this.#text(value, path) } as { readonly [M in K]?: string });
  }

  #yes(value: unknown, path: string): boolean {
    if (isEmpty(value)) return false;
    const text = String(value).toLowerCase();
    if (!['yes', 'no', 'true', 'false'].includes(text)) this.#fail(path, `must be yes or no; found ${show(value)}.`);
    return text === 'yes' || text === 'true';
  }

  #mapping(value: unknown, path: string): Mapping {
    if (isEmpty(value) && path !== '') return {};
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Mapping;
    this.#fail(
      path,
      path === ''
        ? `The buildspec must be a mapping that begins with \`version: 0.2\`; found ${kindOf(value)}.`
        : `must be a mapping; found ${kindOf(value)}.`,
    );
    return {};
  }

  #knows(value: Mapping, path: string, members: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (!members.includes(key))
        this.#note(`${path === '' ? key : `${path}.${key}`} is not a key of a buildspec and was left out.`);
    }
  }
}

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === '';

const show = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return `"${text.length > 60 ? `${text.slice(0, 60)}…` : text}"`;
};

function kindOf(value: unknown): string {
  if (isEmpty(value)) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : `the text ${show(value)}`;
}
