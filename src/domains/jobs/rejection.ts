import { invalid, type Rejection } from '../../platform/errors/rejection.ts';

/** For what AWS can do and we cannot yet: said like any other mistake of a request, since clients expect no 501 there. */
export const notYet = (what: string, instead: string): Rejection => invalid(`${what} is not implemented yet. ${instead}`);
