import { newEd25519KeyPair } from '@sallyport/shared/keys/ed25519';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { SigningKeys } from '@sallyport/shared/sync/signing-keys';
import { VerificationKeys } from '@sallyport/shared/sync/verification-keys';
import { createSigner } from '../publish/3-frames/sign.ts';
import { LaneCursor } from '../publish/4-stream/cursor.ts';
import { admissionLimits, createAdmission } from '../publish/admission.ts';
import { createLanes, type LanesOptions, type ReplicaLanes } from '../publish/lanes.ts';
import { Refusals } from '../publish/refusals.ts';
import { createSlices } from '../publish/slices.ts';
import type { Database } from '../store/database.ts';
import { testLog } from './database.ts';

/** The lanes of a replica that has just read the database, and that believes every proof. */
export async function believingLanes(
  database: Database,
  monotonic: () => number,
  raiseEpoch: LanesOptions['raiseEpoch'] = async () => undefined,
): Promise<ReplicaLanes> {
  const signer = createSigner({
    keys: {
      current: () => new SigningKeys([]),
      verification: new VerificationKeys(newEd25519KeyPair().publicKey),
      message: () => Buffer.alloc(0),
      isLive: () => false,
      refresh: async () => undefined,
    },
    clock: Date.now,
    log: testLog,
    onSigned: () => undefined,
  });
  const lanes = createLanes({
    database,
    signer,
    slices: createSlices(monotonic),
    monotonic,
    log: testLog,
    onRevision: () => undefined,
    onReset: () => undefined,
    onSnapshot: () => undefined,
    aheadElsewhere: () => false,
    believes: () => true,
    raiseEpoch,
  });
  await lanes.start();
  return lanes;
}

/** One lane of one edge without a stream: it says Hello with proofs, and notes how it is to go on. */
export class AskingEdge {
  readonly resumes: string[] = [];
  readonly #lane: Lane;
  readonly #cursor: LaneCursor;

  constructor(lanes: ReplicaLanes, edgeId: string, monotonic: () => number, lane: Lane) {
    this.#lane = lane;
    this.#cursor = new LaneCursor({
      edgeId,
      source: lanes.get(lane).source,
      refusals: new Refusals(),
      transfers: createAdmission(admissionLimits, monotonic).transfers,
      monotonic,
      log: testLog,
      observer: {
        resumed: (_, mode) => this.resumes.push(mode),
        partSent: () => undefined,
        held: () => undefined,
      },
      poke: () => this.#answer(),
    });
  }

  hello(proof: FrameProof): void {
    const position: Position = { epoch: proof.epoch, rev: proof.rev };
    this.#cursor.hello({ lane: this.#lane, position, proof, headProof: null });
    this.#answer();
  }

  end(): void {
    this.#cursor.end();
  }

  /** No further than Resume: what comes after it is read for other reasons. */
  #answer(): void {
    if (this.#cursor.next() === null) return;
    this.#cursor.end();
  }
}
