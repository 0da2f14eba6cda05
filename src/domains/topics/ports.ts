import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Mail } from '../../platform/ports/mail.ts';
import type { MessageSigner } from '../../platform/ports/message-signer.ts';
import type { OutgoingHttp } from '../../platform/ports/outgoing-http.ts';
import type { Store } from '../../platform/store/port.ts';

export interface TopicsPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly signer: MessageSigner;
  /** Hex; what unsubscribe links are sealed with. */
  readonly sealingKey: string;
  /** Absent: subscriptions of URLs are refused. */
  readonly outgoing?: OutgoingHttp;
  /** Absent: subscriptions of e-mail addresses are refused. */
  readonly mail?: Mail;
  /** Where links in messages lead. */
  readonly serverUrl: () => string;
}
