/** A verb's end: 1 = the work failed, 2 = wrong use; of `exec` its command's own. The message goes to stderr as it is. */
export class CliExit extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'CliExit';
    this.code = code;
  }
}

export const failed = (message: string): CliExit => new CliExit(1, message);
export const wrongUse = (message: string): CliExit => new CliExit(2, message);
