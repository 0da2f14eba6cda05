import { BackendError } from '../errors/families.ts';
import type { Mail } from '../ports/mail.ts';

/** `mail` of slipway.yaml. */
export interface MailSettings {
  readonly host: string;
  readonly port: number;
  readonly from: string;
  readonly user?: string;
  readonly password?: string;
  /** `required`: no message without TLS; `opportunistic`: TLS where the server offers it; `implicit`: from the first byte (port 465). */
  readonly tls: 'required' | 'opportunistic' | 'implicit';
}

const TIMEOUT_MS = 20_000;

/** One connection per message. The library is loaded with the first one: most servers send none. */
export const createSmtpMail = (settings: MailSettings): Mail => ({
  from: settings.from,
  async send({ from = settings.from, to, subject, text, messageId }) {
    const { createTransport } = await import('nodemailer');
    const { host, port, user, password, tls } = settings;
    const transport = createTransport({
      host,
      port,
      secure: tls === 'implicit',
      requireTLS: tls === 'required',
      ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      await transport.sendMail({
        from,
        to: { name: '', address: to },
        subject,
        text,
        ...(messageId && { messageId: `<${messageId}>` }),
      });
    } catch (error) {
      const { responseCode } = error as { responseCode?: number };
      const never = responseCode !== undefined && responseCode >= 500 && responseCode !== 530 && responseCode !== 535;
      throw new BackendError(
        'unreachable',
        `The mail server ${host}:${port} did not take a message: ${(error as Error).message}`,
        {
          retryable: !never,
          cause: error,
        },
      );
    } finally {
      transport.close();
    }
  },
});
