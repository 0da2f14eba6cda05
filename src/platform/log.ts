/**
 * The server's own log (stderr), shaped so that a pino logger fits. Fields hold ids and keys; messages are whole sentences
 * without values that change. Never secrets, never request bodies.
 */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
