/**
 * What a table may grow to. Each side refuses the same rows, so they are part of the protocol
 * (docs/protocol.md).
 */
export const tableLimits = {
  /** Rows of one shard. */
  shardRows: 1 << 20,
  /** 32-bit words of one shard's rows: 48 MiB. */
  shardWords: 12 << 20,
  /** 32-bit words of one row: 256 KiB less one word. */
  rowWords: 0xffff,
  /** UTF-8 bytes of an id or a signal's name. */
  idBytes: 512,
  /** UTF-8 bytes of a signal's value. */
  signalValueBytes: 1_024,
  /** UTF-8 bytes of a device's name. */
  deviceNameBytes: 2_047,
  /** Posture facts of one device. */
  devicePosture: 32,
  /** UTF-8 bytes of a posture fact's name. */
  postureNameBytes: 63,
  /** UTF-8 bytes of a posture fact that is text. */
  postureTextBytes: 1_024,
  /** UTF-8 bytes of a user's address, displayed name, or one group's name. */
  userTextBytes: 4_095,
  /** Groups of one user. */
  userGroups: 4_096,
  /** Ops of one revision. */
  revisionOps: 100_000,
} as const;
