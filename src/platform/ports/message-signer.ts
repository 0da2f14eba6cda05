/** Signs what this server sends to receivers that cannot know us otherwise, as SNS signs its messages. */
export interface MessageSigner {
  /** RSA PKCS #1 v1.5 over the text, in base64; always the same for the same text. `1` is SHA-1, `2` is SHA-256, as SNS numbers them. */
  sign(text: string, version: '1' | '2'): Promise<string>;
  /** PEM of the certificate that holds the key; it is public. */
  certificate(): Promise<string>;
  /** Of the certificate, for an address that changes with it: hex. */
  fingerprint(): Promise<string>;
}
