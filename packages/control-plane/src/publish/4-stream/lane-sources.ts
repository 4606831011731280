import { Lru } from '@sallyport/shared/lru';
import type { Lane, Position } from '@sallyport/shared/state/model';
import { edgeLimits } from '@sallyport/shared/sync/edge-limits';
import { comparePositions } from '@sallyport/shared/sync/position';
import { readOldestRevision, readRevisions } from '../../store/change-log.ts';
import { type Database, read } from '../../store/database.ts';
import type { LaneHead } from '../../store/log-connection.ts';
import type { ImageKeeper, ImageSource } from '../2-images/image-keeper.ts';
import type { Snapshots } from '../2-images/snapshots.ts';
import type { FrameRing } from '../3-frames/ring.ts';
import type { FrameSigner } from '../3-frames/sign.ts';
import type { HistoryChecks } from './history-checks.ts';
import type { LaneSource, LoggedFrame } from './lane-source.ts';

export interface LaneSourceParts {
  readonly lane: Lane;
  readonly database: Database;
  readonly ring: FrameRing;
  readonly signer: FrameSigner;
  readonly keeper: ImageKeeper;
  readonly snapshots: Snapshots;
  readonly head: () => LaneHead | null;
  /** Of the log, milliseconds: while the database is away nothing can be read from it. */
  readonly logAgeMs: () => number;
  readonly checks: HistoryChecks;
  readonly believes: LaneSource['believes'];
  readonly aheadElsewhere: LaneSource['aheadElsewhere'];
  readonly raiseEpoch: LaneSource['raiseEpoch'];
}

export interface KeptLaneSource extends LaneSource {
  /** Looks how far back the log reaches. Called now and then; never rejects. */
  refresh(): Promise<void>;
}

/** Read from the log at a time for a stream that fell out of the ring. */
const revisionsPerRead: Readonly<Record<Lane, number>> = {
  revoke: 50,
  signals: 50,
  config: 4,
  directory: 16,
};
/** Pages that are kept for the edges that come after the first. */
const pagesKept = 8;
const logAwayMs = 2_500;
/** So long an edge waits for a manifest. */
const imageMs = edgeLimits.patienceMs;
/** An image whose history jumps is waited for again so often. */
const imageTries = 4;

export function createLaneSource(parts: LaneSourceParts): KeptLaneSource {
  const { lane, database, ring, signer, keeper, snapshots, head } = parts;
  const pages = new Lru<string, Promise<readonly LoggedFrame[]>>({ sizeMax: pagesKept });
  let oldest: { readonly epoch: number; readonly after: number } | null = null;

  const readPage = async (position: Position): Promise<readonly LoggedFrame[]> => {
    const rows = await read(database, (db) =>
      readRevisions(db, lane, position, revisionsPerRead[lane]),
    );
    if (rows[0]?.prevRev !== position.rev) return [];
    const frames: LoggedFrame[] = [];
    for (const row of rows) {
      const signed = signer.sign(row);
      if (signed === null) break;
      frames.push({ rev: row.rev, body: row.body, bytes: signed.bytes });
    }
    return frames;
  };

  return {
    lane,
    facts() {
      const known = head();
      const isReadable = parts.logAgeMs() < logAwayMs;
      const logAfter =
        isReadable && oldest?.epoch === known?.epoch ? (oldest?.after ?? null) : null;
      const position = known && { epoch: known.epoch, rev: known.rev };
      return {
        head: position,
        forkedAt: known?.forkedAt ?? null,
        ringAfter: ring.afterRev,
        logAfter,
      };
    },
    frameAfter: (position) => ring.after(position),
    bodySha256: (position) => ring.bodySha256(position),
    framesAfter(position) {
      const key = `${position.epoch}/${position.rev}`;
      let page = pages.get(key);
      if (page === undefined) {
        page = readPage(position);
        pages.set(key, page);
        void page.then(
          // Nothing, or what a key that is over has signed, is asked for again.
          (frames) => frames.length === 0 && pages.delete(key),
          () => pages.delete(key),
        );
      }
      return page;
    },
    async snapshot(atLeast) {
      const serves = (position: Position): boolean =>
        ring.after(position) !== 'gone' && comparePositions(position, atLeast) >= 0;
      for (let tries = 0; tries < imageTries; tries += 1) {
        // It follows the ring, which the edge may have been sent already, and begins anew with an epoch.
        if (!(await keeper.reached(atLeast, imageMs))) return null;
        const found = await snapshots.get(serves);
        if (found !== null && serves(found.position)) return found;
        // Void before the snapshot was made: there is another image in a moment.
        if (keeper.position() !== null) return null;
      }
      return null;
    },
    history: (edgeId, proof) => parts.checks.ask(edgeId, lane, proof),
    raiseEpoch: parts.raiseEpoch,
    believes: parts.believes,
    aheadElsewhere: parts.aheadElsewhere,
    async refresh() {
      const known = head();
      if (known === null) return;
      try {
        const first = await read(database, (db) => readOldestRevision(db, lane, known.epoch));
        oldest = first === null ? null : { epoch: known.epoch, after: first - 1 };
        pages.clear();
      } catch {
        oldest = null;
      }
    },
  };
}

/** The same lane for its image, which reads revisions and not frames. */
export function createImageSource(
  lane: Lane,
  database: Database,
  ring: FrameRing,
  head: () => Position | null,
): ImageSource {
  return {
    head,
    revisionAfter: (position) => ring.revisionAfter(position),
    async revisionsAfter(position) {
      const rows = await read(database, (db) =>
        readRevisions(db, lane, position, revisionsPerRead[lane]),
      );
      return rows[0]?.prevRev === position.rev ? rows : [];
    },
  };
}
