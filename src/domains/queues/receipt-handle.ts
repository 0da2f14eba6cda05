/**
 * A receipt handle names a message of a box and the receive it was given for. As at AWS any handle a message ever had names it: what a
 * slow receiver finished is finished, even if the message was handed out again meanwhile.
 */
export interface Receipt {
  /** The message's row: `<box>/<sequence>`. */
  readonly name: string;
  readonly receiveCount: number;
}

export const formatReceipt = ({ name, receiveCount }: Receipt): string =>
  Buffer.from(`${name}#${receiveCount}`).toString('base64');

/** Undefined for what was never handed out. */
export function parseReceipt(handle: string): Receipt | undefined {
  const match = /^([a-z0-9]{16}\/\d{20})#(\d{1,9})$/.exec(Buffer.from(handle, 'base64').toString('latin1'));
  return match?.[1] === undefined ? undefined : { name: match[1], receiveCount: Number(match[2]) };
}
