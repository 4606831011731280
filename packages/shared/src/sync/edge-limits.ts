/** Bounds of one lane at an edge. Times in milliseconds. */
export const edgeLimits = {
  /** Frames kept ahead of a gap; what is beyond is asked for again. */
  aheadMax: 64,
  /** So long a gap may be filled by another path before the tail is asked for. */
  gapMs: 1_000,
  /** Revisions whose denials are enforced ahead of their turn. */
  earlyMax: 16_384,
  /** And their bodies together, which bounds the denials in them. */
  earlyBytesMax: 4_194_304,
  /** Heartbeats come each second: two that do not come are silence. */
  silenceMs: 1_900,
  /** From the opening of a stream to its first heartbeat, and from Hello to Resume. */
  greetingMs: 5_000,
  /** From Resume SHARDS to the manifest, and how long a replica may be waited for. */
  patienceMs: 10_000,
  /** Longer between two ticks means that this process stood still, and not the other side. */
  stallMs: 600,
  /** A replica that saw the database so long after we had a revision must have it. */
  behindSlackMs: 500,
  beatsBehindMax: 2,
  /** A heartbeat that was sent so long ago is no sign of life. */
  lateMs: 5_000,
  /** So much a replica's clock may lose against ours per millisecond: crystals are ten times better. */
  clockDrift: 0.001,
  /** Replicas whose clocks are remembered, and how far ahead of that they may be. */
  clocksMax: 16,
  clockSlackMs: 2_000,
  /** The tail is asked for so often on one stream; then another replica is tried. */
  retailsMax: 2,
  /** A frame that comes by NATS so long after it was applied is a replay. */
  replayMs: 2_000,
  /** Between two whole states asked for because rows differ: doubled each time. */
  resyncMs: 5_000,
  resyncMsMax: 300_000,
  /** How long staged shards are kept for the next stream. */
  keptMs: 60_000,
  refusedMax: 16,
  provisionalsMax: 256,
  provisionalMsMax: 86_400_000,
  natsNackMs: 1_000,
  manifestBytesMax: 1_073_741_824,
} as const;
