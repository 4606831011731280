/** The body of a frame or shard cannot be read as ops of this version: a NACK with SCHEMA. */
export class UnreadableOpsError extends Error {
  override readonly name = 'UnreadableOpsError';
}

/** The name that a value on the wire stands for. Throws UnreadableOpsError for one without. */
export function known<Name extends string, Wire>(
  table: Record<Name, Wire>,
  wire: Wire,
  what: string,
): Name {
  for (const name of Object.keys(table) as Name[]) if (table[name] === wire) return name;
  throw new UnreadableOpsError(`unknown ${what} ${String(wire)}`);
}
