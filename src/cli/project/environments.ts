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
  const read = project.safeParse(parseJson(file));
  if (!read.success) {
    const problems = read.error.issues.map(({ path, message }) => `  ${path.join('.') || '(top)'}: ${message}`);
    throw failed(`${file}:\n${problems.join('\n')}`);
  }
  for (const [name, { policy }] of Object.entries(read.data.environments)) {
    if (policy?.after !== undefined && (policy.after === name || !read.data.environments[policy.after]))
      throw failed(`${file}:\n  environments.${name}.policy.after: ${policy.after} is no other environment of the project`);
  }
  return { ...read.data, folder };
}

function parseJson(file: string): unknown {
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
