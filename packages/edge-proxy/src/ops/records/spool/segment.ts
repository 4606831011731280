import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

const numberDigits = 16;
/** Twice as much is still counted exactly. */
const firstMax = 2 ** 52;
const name = /^(permits|denials)-([0-9]{16})\.spool$/;

/** A file of blocks of one class. It is written by one process, by appending alone. */
export class Segment {
  readonly path: string;
  readonly denial: boolean;
  /** Number of its first block. */
  readonly first: number;
  /** Of whole blocks, where this process wrote it; of the file, where it was found. */
  bytes: number;
  /** Records in it that were not read yet; null: it was found, and nobody has counted. */
  unread: number | null;
  /** Blocks that were read and not confirmed. */
  outstanding = 0;
  /** Nothing is appended any more. */
  closed: boolean;
  /** Read to its end. */
  done = false;
  /** What was in front of it had to make room: that it is missing is no damage. */
  afterGap = false;
  #file: FileHandle | null = null;
  #unsynced = false;

  private constructor(path: string, denial: boolean, first: number, found: number | null) {
    this.path = path;
    this.denial = denial;
    this.first = first;
    this.bytes = found ?? 0;
    this.unread = found === null ? 0 : null;
    this.closed = found !== null;
  }

  /** Makes the file. Throws what the disk says. */
  static async create(directory: string, denial: boolean, first: number): Promise<Segment> {
    const padded = String(first).padStart(numberDigits, '0');
    const path = join(directory, `${denial ? 'denials' : 'permits'}-${padded}.spool`);
    const segment = new Segment(path, denial, first, null);
    segment.#file = await open(path, 'wx+', 0o600);
    return segment;
  }

  /** A file that was there when the process began; null: it is none. */
  static found(directory: string, file: string, bytes: number): Segment | null {
    const match = name.exec(file);
    const first = Number(match?.[2]);
    // Of a run that no process comes to: the next could not tell its own blocks apart.
    if (match === null || first >= firstMax) return null;
    return new Segment(join(directory, file), match[1] === 'denials', first, bytes);
  }

  /** Throws what the disk says: then the file ends after the block before. */
  async append(block: Buffer, records: number): Promise<void> {
    if (this.#file === null) throw new Error('the segment is not open');
    try {
      for (let done = 0; done < block.length; ) {
        const at = this.bytes + done;
        done += (await this.#file.write(block, done, block.length - done, at)).bytesWritten;
      }
    } catch (error) {
      // What is torn is not believed anyhow; this only spares the count of it.
      await this.#file.truncate(this.bytes).catch(() => undefined);
      throw error;
    }
    this.#unsynced = true;
    this.bytes += block.length;
    this.unread = (this.unread ?? 0) + records;
  }

  async sync(): Promise<void> {
    if (!this.#unsynced) return;
    this.#unsynced = false;
    await this.#file?.datasync();
  }

  /** Bytes from an offset; fewer where the file ends. Throws what the disk says. */
  async read(offset: number, length: number): Promise<Buffer> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    this.#file ??= await open(this.path, flags);
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.#file?.close().catch(() => undefined);
    this.#file = null;
  }

  /** Closes it and takes it off the disk. */
  async remove(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
  }
}
