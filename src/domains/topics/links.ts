import type { MessageSigner } from '../../platform/ports/message-signer.ts';
import { LOOPBACK_HOSTS } from '../../platform/ports/web.ts';
import { type Signed, stringToSign, type Unsigned } from './decide-envelope.ts';
import type { TopicsPorts } from './ports.ts';
import { unsubscribeSignature } from './topic-access.ts';

/** Links into this server that messages carry. They lead to `WebRoute`s of this room, which nobody signs in to. */
export const WEB_PATH = '/_slipway/sns/';

/**
 * What links begin with: the address that the subscriber uses, if pages are served under it. It is a header of theirs, and the mail goes to
 * somebody else: any other host would have this server vouch for a foreign page.
 */
export function linkOrigin(endpoint: string | undefined, serverUrl: string): string {
  const asked = endpoint === undefined ? null : URL.parse(endpoint);
  const isServed = asked !== null && [...LOOPBACK_HOSTS, new URL(serverUrl).hostname].includes(asked.hostname);
  return isServed ? asked.origin : serverUrl;
}

export const confirmUrl = (serverUrl: string, arn: string, token: string): string =>
  `${serverUrl}${WEB_PATH}confirm?${new URLSearchParams({ TopicArn: arn, Token: token })}`;

export const unsubscribeUrl = ({ sealingKey }: Pick<TopicsPorts, 'sealingKey'>, serverUrl: string, arn: string): string =>
  `${serverUrl}${WEB_PATH}unsubscribe?${new URLSearchParams({ SubscriptionArn: arn, Seal: unsubscribeSignature(sealingKey, arn) })}`;

export const certificatePath = async (signer: MessageSigner): Promise<string> =>
  `${WEB_PATH}SimpleNotificationService-${await signer.fingerprint()}.pem`;

export async function signed(
  { signer }: Pick<TopicsPorts, 'signer'>,
  serverUrl: string,
  version: '1' | '2',
  message: Unsigned,
): Promise<Signed> {
  return {
    SignatureVersion: version,
    Signature: await signer.sign(stringToSign(message), version),
    SigningCertURL: `${serverUrl}${await certificatePath(signer)}`,
  };
}
