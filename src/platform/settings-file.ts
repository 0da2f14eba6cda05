import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from './errors/families.ts';
import type { Settings } from './settings.ts';

/** The account AWS samples use. */
const ACCOUNT = '123456789012';

const reservation = (cpus: number, memoryMiB: number) =>
  z.strictObject({ cpus: z.number().min(0).default(cpus), memoryMiB: z.number().int().min(1).default(memoryMiB) }).prefault({});

const grammar = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'write an AWS region such as us-east-1')
    .default('us-east-1'),
  roles: z.enum(['lenient', 'strict']).default('lenient'),
  approval: z.enum(['required', 'open']).default('required'),
  sandbox: z.enum(['auto', 'bubblewrap', 'unshare', 'container', 'plain']).default('auto'),
  reservations: z.strictObject({ job: reservation(1, 1024), modelServer: reservation(0, 512) }).prefault({}),
  instances: z
    .record(z.string(), z.strictObject({ cpus: z.number().positive(), memoryMiB: z.number().int().min(64) }))
    .default({}),
  images: z.record(z.string(), z.string()).default({}),
});

const TEMPLATE = `# Slipway settings. Every line is optional; what is commented shows the default.
# region: us-east-1          # region of clients that name none; any region is accepted on the wire
# roles: lenient             # lenient: a role ARN that does not exist here acts as SageMakerPipelineExecutionRole; strict: refused
# approval: required         # required: only Approved model packages can be served; open: any
# sandbox: auto              # auto | bubblewrap | unshare | container | plain (plain = no isolation, one job at a time)
# reservations:              # what admission counts per job host and per model server
#   job: { cpus: 1, memoryMiB: 1024 }
#   modelServer: { cpus: 0, memoryMiB: 512 }
# instances:                 # limits by instance type, clipped to this host; AWS's sizes are built in
#   ml.m5.large: { cpus: 2, memoryMiB: 8192 }
# images:                    # other names for images: name:tag to name:tag
#   my-company/xgboost:latest: sagemaker-xgboost:1.7-1
`;

/** Reads `slipway.yaml`, writing a commented one at first start. Unknown keys and bad values are ConfigErrors. */
export function readSettings(folder: string): Settings {
  const path = join(folder, 'slipway.yaml');
  if (!existsSync(path)) writeFileSync(path, TEMPLATE, { mode: 0o600, flag: 'wx' });
  return parseSettings(readFileSync(path, 'utf8'));
}

/** Pure: text to settings. */
export function parseSettings(text: string): Settings {
  let document: unknown;
  try {
    document = parse(text) ?? {};
  } catch (error) {
    throw new ConfigError('slipway.yaml', `not valid YAML: ${(error as Error).message.split('\n')[0]}`);
  }
  const parsed = grammar.safeParse(document);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => {
      const where = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
      return `${where}${issue.message}`;
    });
    throw new ConfigError('slipway.yaml', `${faults.join('; ')}. Known keys: ${Object.keys(grammar.shape).join(', ')}.`);
  }
  return { account: ACCOUNT, ...parsed.data };
}
