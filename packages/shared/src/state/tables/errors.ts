/** A revision or shard would take a table past one of its limits; nothing was changed. */
export class TableLimitError extends Error {
  override readonly name = 'TableLimitError';
}

/** Bytes that are not the canonical form of a shard; nothing was changed. */
export class MalformedShardError extends Error {
  override readonly name = 'MalformedShardError';
}

/** No pass could be made between the writer's changes, or a change of layout never arrived. */
export class StateBusyError extends Error {
  override readonly name = 'StateBusyError';
}
