/** A JSON value: what documents, ledger entries and events are made of. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [member: string]: Json | undefined };
