import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from './errors/families.ts';
import { isOutgoingRule } from './outgoing/decide-destination.ts';
import type { MailSettings } from './outgoing/smtp-mail.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';

const { account, reservations, ...defaults } = DEFAULT_SETTINGS;

const reservation = ({ cpus, memoryMiB }: Settings['reservations']['job']) =>
  z.strictObject({ cpus: z.number().min(0).default(cpus), memoryMiB: z.number().int().min(1).default(memoryMiB) }).prefault({});

const outgoingRules = z
  .array(
    z.string().refine(isOutgoingRule, 'write a network such as 10.0.0.0/8, an address, or a host name such as *.example.com'),
  )
  .default([]);

const grammar = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'write an AWS region such as us-east-1')
    .default(defaults.region),
  roles: z.enum(['lenient', 'strict']).default(defaults.roles),
  approval: z.enum(['required', 'open']).default(defaults.approval),
  sandbox: z.enum(['auto', 'bubblewrap', 'unshare', 'container', 'plain']).default(defaults.sandbox),
  reservations: z
    .strictObject({ job: reservation(reservations.job), modelServer: reservation(reservations.modelServer) })
    .prefault({}),
  instances: z
    .record(z.string(), z.strictObject({ cpus: z.number().positive(), memoryMiB: z.number().int().min(64) }))
    .default(defaults.instances),
  images: z
    .record(
      z.string(),
      z.string().regex(/^(~?\/|[a-z0-9])/, 'write an image name such as sagemaker-xgboost:1.7-1, or a folder as /… or ~/…'),
    )
    .default(defaults.images),
  registry: z
    .strictObject({
      layerMiB: z.number().int().min(1).default(defaults.registry.layerMiB),
      totalMiB: z.number().int().min(1).default(defaults.registry.totalMiB),
    })
    .prefault({}),
  repositories: z.strictObject({ pushMiB: z.number().int().min(1).default(defaults.repositories.pushMiB) }).prefault({}),
  storage: z.strictObject({ totalMiB: z.number().int().min(0).default(defaults.storage.totalMiB) }).prefault({}),
  outgoing: z.strictObject({ deny: outgoingRules, allow: outgoingRules }).prefault({}),
  reviews: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]{1,40}$/, 'name it by letters, digits, - and _'),
      z.strictObject({
        role: z.string().min(1),
        secret: z.string().min(16, 'take a secret of at least 16 characters'),
        approved: z.array(z.string()).min(1).default(['Approved']),
        rejected: z.array(z.string()).default(['Rejected']),
      }),
    )
    .default({}),
  mail: z
    .strictObject({
      host: z.string().min(1),
      port: z.number().int().min(1).max(65_535).default(587),
      from: z.string().regex(/^[^\s@]+@[^\s@]+$/, 'write an e-mail address such as slipway@example.com'),
      user: z.string().optional(),
      password: z.string().optional(),
      tls: z.enum(['required', 'opportunistic', 'implicit']).default('opportunistic'),
    })
    .optional(),
});

/** Text of `slipway.yaml` to settings; pure. Unknown keys and bad values are ConfigErrors. */
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
  const { mail, ...settings } = parsed.data;
  return { account, ...settings, ...(mail && { mail: mail as MailSettings }) };
}
