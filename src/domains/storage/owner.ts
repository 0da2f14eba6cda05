import { createHash } from 'node:crypto';
import type { Owner } from '../../contract/generated/s3.ts';

/** S3's canonical user id: 64 hex digits that stand for the account. */
export const ownerOf = (account: string): Owner => ({
  ID: createHash('sha256').update(`canonical user of ${account}`).digest('hex'),
  DisplayName: account,
});
