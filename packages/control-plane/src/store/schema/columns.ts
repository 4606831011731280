import { bigint, customType } from 'drizzle-orm/pg-core';

/** Raw bytes. */
export const bytea = customType<{ data: Uint8Array; driverData: Buffer }>({
  dataType: () => 'bytea',
  toDriver: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  fromDriver: (value) => new Uint8Array(value),
});

/** An instant, milliseconds since the epoch: what the state and the statements carry too. */
export const instant = (name: string) => bigint(name, { mode: 'number' });

/** A count or number far below 2^53. */
export const count = (name: string) => bigint(name, { mode: 'number' });
