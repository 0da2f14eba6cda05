/** E-mail through the SMTP server named in `slipway.yaml`. */
export interface Mail {
  /** Rejects with a BackendError when the server cannot be reached or does not take the message; retryable unless it said never (5xx). */
  send(message: MailMessage): Promise<void>;
  /** The sender that the settings name. */
  readonly from: string;
}

export interface MailMessage {
  /** Absent: the sender of the settings. */
  readonly from?: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The same for the same message: what a mail server or reader may recognise a repetition by. Without angle brackets. */
  readonly messageId?: string;
}

/** What is said when something needs e-mail and no server is named. */
export const NO_MAIL =
  'This server sends no e-mail: name an SMTP server in slipway.yaml, as mail: { host: …, port: …, from: … }.';
