import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { failed, wrongUse } from '../exit.ts';

/** Where a project says its environments, below its folder. */
export const ENVIRONMENTS_FILE = 'config/environments.json';

const OPERATORS = ['Equals', 'GreaterThan', 'GreaterThanOrEqualTo', 'LessThan', 'LessThanOrEqualTo'] as const;

const expectation = z.strictObject({
  /** Dotted path in a JSON answer, column of the first line in any other. */
  path: z.string(),
  operator: z.enum(OPERATORS),
  value: z.union([z.number(), z.string(), z.boolean()]),
});

const smokeTest = z.union([
  z.strictObject({ contentType: z.string(), body: z.string(), expect: z.array(expectation).min(1) }),
  z.strictObject({ script: z.string().min(1) }),
]);

const policy = z.strictObject({
  /** `required` (default): only what is Approved. */
  approval: z.enum(['required', 'none']).optional(),
  /** Only what that environment serves and whose smoke test passed there. */
  after: z.string().optional(),
  /** The delivery waits for a person before this environment. */
  confirm: z.boolean().optional(),
});

const environment = z.strictObject({
  endpoint: z
    .string()
    .regex(/^[a-zA-Z0-9](-?[a-zA-Z0-9])*$/, 'letters, digits and single hyphens')
    .max(63),
  instanceType: z.string(),
  instanceCount: z.int().min(1),
  policy: policy.optional(),
  smokeTest: smokeTest.optional(),
});

const PROJECT_NAME = /^[a-zA-Z0-9](-?[a-zA-Z0-9]){0,39}$/;

const project = z.strictObject({
  project: z.string().regex(PROJECT_NAME, 'up to 40 letters, digits and single hyphens'),
  modelPackageGroup: z.string(),
  environments: z.record(z.string(), environment),
  retrain: z.strictObject({ attempts: z.int().min(0).max(5) }).optional(),
});

export type Expectation = z.infer<typeof expectation>;
export type SmokeTest = z.infer<typeof smokeTest>;
export type Environment = z.infer<typeof environment>;
export type Project = z.infer<typeof project> & { readonly folder: string };

export const isProjectName = (name: string): boolean => PROJECT_NAME.test(name);

/** Reads `config/environments.json` of the folder, or the file itself. All that is wrong with it is said at once. */
export function readProject(folderOrFile = '.'): Project {
  const isFile = folderOrFile.endsWith('.json');
  const file = resolve(folderOrFile, ...(isFile ? [] : [ENVIRONMENTS_FILE]));
  if (!existsSync(file)) {
    throw wrongUse(
      `${file}: there is no such file. Go into a project, or make one: npx slipway init DIR --template codepipeline`,
    );
  }
  const folder = isFile ? dirname(dirname(file)) : resolve(folderOrFile);
  const read = project.safeParse(readJson(file));
  if (!read.success) {
    const problems = read.error.issues.map(({ path, message }) => `  ${path.join('.') || '(top)'}: ${message}`);
    throw failed(`${file}:\n${problems.join('\n')}`);
  }
  const problems = Object.keys(read.data.environments).flatMap((name) => problemOf(name, read.data.environments) ?? []);
  if (problems.length > 0) throw failed(`${file}:\n${problems.map((problem) => `  environments.${problem}`).join('\n')}`);
  return { ...read.data, folder };
}

type Environments = Project['environments'];

/** What is wrong with an environment beside the others. */
function problemOf(name: string, environments: Environments): string | undefined {
  if (!STAGE_NAME.test(name)) return `${name}: a name has letters, digits and . @ _ -, since a stage of the release is called so`;
  const first = Object.keys(environments).find((other) => stageOf(other) === stageOf(name));
  if (first !== name || stageOf(name) === 'Source')
    return `${name}: the release has a stage ${stageOf(name)} already; choose another name`;
  const after = environments[name]?.policy?.after;
  if (after === undefined) return undefined;
  if (after === name || !Object.hasOwn(environments, after))
    return `${name}.policy.after: ${after} is no other environment of the project`;
  return isInCircle(name, environments) ? `${name}.policy.after: the environments follow each other in a circle` : undefined;
}

function isInCircle(name: string, environments: Environments): boolean {
  const seen = new Set<string>();
  for (let at: string | undefined = name; at !== undefined && !seen.has(at); at = environments[at]?.policy?.after) seen.add(at);
  return [...seen].some((other) => environments[other]?.policy?.after === name);
}

/** Of CodePipeline. */
const STAGE_NAME = /^[A-Za-z0-9.@_-]{1,100}$/;

/** The stage of the release that deploys to an environment. */
export const stageOf = (environment: string): string => environment.charAt(0).toUpperCase() + environment.slice(1);

/** The content of a file of a project. */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw failed(`${file}: ${(error as Error).message}`);
  }
}

export function environmentOf(project: Project, name: string): Environment {
  const found = Object.hasOwn(project.environments, name) ? project.environments[name] : undefined;
  if (found) return found;
  throw wrongUse(`There is no environment "${name}": ${ENVIRONMENTS_FILE} has ${Object.keys(project.environments).join(', ')}.`);
}
