import { keepWanted } from './wanted-address.ts';

keepWanted().catch(() => {}); // the page says how to sign in, also when the server has gone
