/** Bytes of a lane's journal; replaying them is a part of the time that a start takes. */
export interface DiskLimits {
  /** Shorter journals are left as they are. */
  readonly checkpointBytesMin: number;
  /** Longer ones are replaced by a checkpoint, however large the lane is. */
  readonly checkpointBytesMax: number;
  /** Nothing is appended above it until a checkpoint has been made. */
  readonly journalBytesMax: number;
}

const mebibyte = 2 ** 20;

export const defaultLimits: DiskLimits = {
  checkpointBytesMin: 4 * mebibyte,
  checkpointBytesMax: 16 * mebibyte,
  journalBytesMax: 64 * mebibyte,
};
