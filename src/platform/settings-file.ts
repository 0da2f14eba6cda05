import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';

const TEMPLATE = `# Slipway settings. Every line is optional; what is commented shows the default.
# region: us-east-1          # region of clients that name none; any region is accepted on the wire
# roles: lenient             # lenient: a role ARN that does not exist here acts as SageMakerPipelineExecutionRole; strict: refused
# approval: required         # required: only Approved model packages can be served; open: any
# sandbox: auto              # auto | bubblewrap | unshare | container (podman, docker) | plain (no isolation, one job at a time)
# reservations:              # what admission counts per job host and per model server
#   job: { cpus: 1, memoryMiB: 1024 }
#   modelServer: { cpus: 0, memoryMiB: 512 }
# instances:                 # limits by instance type, clipped to this host; AWS's sizes are built in
#   ml.m5.large: { cpus: 2, memoryMiB: 8192 }
# images:                    # other names for images: name:tag to name:tag, or to a folder with programs named train and serve
#   my-company/xgboost:latest: sagemaker-xgboost:1.7-1
#   my-company/own:latest: ~/own-container
# registry: { layerMiB: 20480, totalMiB: 102400 } # quotas of pushed and imported images
# storage: { totalMiB: 0 }   # quota of all stored contents; 0: as much as the disk has
# outgoing:                  # where subscriptions, API destinations and hooks may reach: networks, addresses, host names
#   deny: []                 # such as 10.0.0.0/8 or *.internal.example.com; metadata addresses and this server are always refused
#   allow: []                # when it has entries, nothing else may be reached
# reviews: {}                # issue trackers that may approve, as my-tracker: { role: …, secret: …, approved: [Approved], rejected: [Rejected] }
# mail:                      # the SMTP server that e-mail goes through; without it e-mail subscriptions are refused
#   host: smtp.example.com
#   port: 587
#   from: slipway@example.com
#   user: slipway            # user and password only where the server asks for them
#   password: secret
#   tls: opportunistic       # opportunistic | required | implicit (port 465)
`;

/** Reads `slipway.yaml`, writing a commented one at first start. Unknown keys and bad values are ConfigErrors. */
export async function readSettings(folder: string): Promise<Settings> {
  const path = join(folder, 'slipway.yaml');
  if (!existsSync(path)) writeFileSync(path, TEMPLATE, { mode: 0o600, flag: 'wx' });
  const text = readFileSync(path, 'utf8');
  // the grammar is loaded when there is something to read: it would take a sixth of the time a start takes
  return saysNothing(text) ? DEFAULT_SETTINGS : (await import('./settings-grammar.ts')).parseSettings(text);
}

const saysNothing = (text: string): boolean => text.split('\n').every((line) => /^\s*(#.*)?$/.test(line));
