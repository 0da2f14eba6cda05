import type { OutgoingRules } from './outgoing/decide-destination.ts';
import type { MailSettings } from './outgoing/smtp-mail.ts';

/** `DIR/slipway.yaml` after parsing (see settings-grammar.ts). */
export interface Settings {
  readonly region: string;
  readonly account: string;
  readonly roles: 'lenient' | 'strict';
  readonly approval: 'required' | 'open';
  readonly sandbox: 'auto' | 'bubblewrap' | 'unshare' | 'container' | 'plain';
  readonly reservations: {
    readonly job: { readonly cpus: number; readonly memoryMiB: number };
    readonly modelServer: { readonly cpus: number; readonly memoryMiB: number };
  };
  /** Instance type to limits; unknown types use the host's whole size. */
  readonly instances: Readonly<Record<string, { readonly cpus: number; readonly memoryMiB: number }>>;
  /** Image name (repository:tag) to another image name, or to a folder (`/…` or `~/…`) that holds `train` and `serve`. */
  readonly images: Readonly<Record<string, string>>;
  /** Quotas of the image registry. */
  readonly registry: { readonly layerMiB: number; readonly totalMiB: number };
  /** What one push may send to a git repository. */
  readonly repositories: { readonly pushMiB: number };
  /** How much all contents together may take: objects, artifacts, images. 0: as much as the disk has. */
  readonly storage: { readonly totalMiB: number };
  /** Where requests to addresses that users name may go. */
  readonly outgoing: OutgoingRules;
  /** Issue trackers whose decisions about model packages are taken, by the last part of their address. */
  readonly reviews: Readonly<Record<string, ReviewSettings>>;
  /** The SMTP server; absent: no e-mail is sent. */
  readonly mail?: MailSettings;
}

/** An issue tracker that may decide: `/_slipway/hooks/reviews/NAME` takes its signed messages. */
export interface ReviewSettings {
  /** Name or ARN of the role that decides; its trust policy names apigateway.amazonaws.com. */
  readonly role: string;
  /** What the tracker signs its messages with (HMAC-SHA256). */
  readonly secret: string;
  /** Statuses of an issue that are an approval. */
  readonly approved: readonly string[];
  readonly rejected: readonly string[];
}

/** The account is the one AWS samples use. */
export const DEFAULT_SETTINGS: Settings = {
  region: 'us-east-1',
  account: '123456789012',
  roles: 'lenient',
  approval: 'required',
  sandbox: 'auto',
  reservations: { job: { cpus: 1, memoryMiB: 1024 }, modelServer: { cpus: 0, memoryMiB: 512 } },
  instances: {},
  images: {},
  registry: { layerMiB: 20 * 1024, totalMiB: 100 * 1024 },
  repositories: { pushMiB: 2 * 1024 },
  storage: { totalMiB: 0 },
  outgoing: { deny: [], allow: [] },
  reviews: {},
};
