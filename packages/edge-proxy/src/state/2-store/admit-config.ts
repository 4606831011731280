import { createHash } from 'node:crypto';
import { hex } from '@sallyport/shared/bytes';
import { verifySigningKey } from '@sallyport/shared/keys/root';
import type { ConfigOp, PutBundle, Release, SecretRef } from '@sallyport/shared/state/model';
import type { Problem } from '@sallyport/shared/sync/edge-lane-model';
import type { BundleVerdict } from '../3-index/check-bundles.ts';
import { bundlesKept, Shelf } from '../3-index/shelf.ts';
import { readJwks } from './edge-jwks.ts';
import { versionsInUse } from './releases.ts';

/** What the main thread remembers of the `config` lane to judge what comes next. */
export interface ConfigKnowledge {
  /** Versions that compiled here and that every worker holds, with their SHA-256 in hex. */
  readonly compiled: Shelf<string>;
  readonly releases: ReadonlyMap<string, Release>;
  readonly secrets: ReadonlyMap<string, SecretRef>;
}

/** Which signing keys may be believed. */
export interface KeyTrust {
  /** Raw, 32 bytes. */
  readonly rootPublicKey: Uint8Array;
  isWithdrawn(keyId: string): boolean;
}

export interface AdmittedConfig {
  readonly known: ConfigKnowledge;
  /** What the workers get, in the order in which they must apply it. */
  readonly ops: readonly ConfigOp[];
  /** Rows left out. The rest of the frame holds: nothing in it may depend on them. */
  readonly refusals: readonly Problem[];
  /** The ops of these rows, as they came. */
  readonly refused: readonly ConfigOp[];
  /** Those of them that say nothing of the row: to be judged again. */
  readonly unchecked: readonly PutBundle[];
}

/** Judges versions, or says what was judged of them before. */
export type BundleCheck = (bundles: readonly PutBundle[]) => Promise<readonly BundleVerdict[]>;

export function emptyConfigKnowledge(): ConfigKnowledge {
  return { compiled: new Shelf(bundlesKept), releases: new Map(), secrets: new Map() };
}

/**
 * Judges the rows of one frame. A row that does not hold is left out and named: a version that does
 * not compile, a key that the root key does not vouch for, a release of a version that is not here.
 * So one bad row keeps neither keys nor later versions from arriving, and what it would have
 * changed stays as it was.
 */
export async function admitConfigFrame(
  known: ConfigKnowledge,
  ops: readonly ConfigOp[],
  trust: KeyTrust,
  check: BundleCheck,
): Promise<AdmittedConfig> {
  return admit(known, known.compiled, ops, trust, check);
}

async function admit(
  known: ConfigKnowledge,
  before: ConfigKnowledge['compiled'],
  ops: readonly ConfigOp[],
  trust: KeyTrust,
  check: BundleCheck,
): Promise<AdmittedConfig> {
  // What has compiled here need not do so again: a thread that fails takes nothing away.
  const bundles = ops.filter(
    (op): op is PutBundle => op.op === 'bundle' && before.get(op.version) !== sha256Of(op),
  );
  const verdicts = await check(bundles);
  const draft = {
    compiled: known.compiled.copy(),
    releases: new Map(known.releases),
    secrets: new Map(known.secrets),
    verdicts: new Map(bundles.map((bundle, index) => [bundle, verdicts[index] ?? notChecked])),
  };
  const admitted: ConfigOp[] = [];
  const refusals: Problem[] = [];
  const refused: ConfigOp[] = [];
  for (const op of releasesLast(ops)) {
    const refusal = judge(draft, op, trust);
    if (refusal === null) {
      admitted.push(withOwnBytes(op));
      continue;
    }
    refusals.push(refusal);
    refused.push(op);
  }
  const unchecked = bundles.filter(
    (op) => refused.includes(op) && draft.verdicts.get(op)?.kind === 'unchecked',
  );
  return { known: draft, ops: admitted, refusals, refused, unchecked };
}

/**
 * Judges the whole state of the lane; `known` is of before. Of the versions only those in use and the
 * newest are kept.
 */
export async function admitConfigState(
  { compiled }: ConfigKnowledge,
  ops: readonly ConfigOp[],
  trust: KeyTrust,
  check: BundleCheck,
): Promise<AdmittedConfig> {
  const releases = ops.filter((op): op is Release => op.op === 'release');
  const rank = rankOf(releases);
  const kept = ops
    .filter((op): op is PutBundle => op.op === 'bundle')
    .toSorted((a, b) => rank(b.version) - rank(a.version) || b.version - a.version)
    .slice(0, bundlesKept);
  const wanted = ops.filter((op) => op.op !== 'bundle' || kept.includes(op));
  return admit(emptyConfigKnowledge(), compiled, wanted, trust, check);
}

/** What is decided by comes first, then what is decided besides. */
function rankOf(releases: readonly Release[]): (version: number) => number {
  const live = new Set(releases.map((op) => op.version));
  const shadows = new Set(releases.map((op) => op.shadowVersion));
  return (version) => (live.has(version) ? 2 : Number(shadows.has(version)));
}

interface Draft {
  readonly compiled: Shelf<string>;
  readonly releases: Map<string, Release>;
  readonly secrets: Map<string, SecretRef>;
  /** Of every version that has not compiled here before. */
  readonly verdicts: ReadonlyMap<PutBundle, BundleVerdict>;
}

const notChecked: BundleVerdict = { kind: 'unchecked', problem: 'it was not checked' };

function judge(draft: Draft, op: ConfigOp, trust: KeyTrust): Problem | null {
  switch (op.op) {
    case 'bundle':
      return judgeBundle(draft, op);
    case 'release':
      return judgeRelease(draft, op);
    case 'signing_key':
      if (trust.isWithdrawn(op.keyId)) {
        return { code: 'SIGNATURE', detail: `the signing key ${op.keyId} was withdrawn` };
      }
      if (verifySigningKey(op, trust.rootPublicKey)) return null;
      return {
        code: 'SIGNATURE',
        detail: `the root key does not vouch for the signing key ${op.keyId}`,
      };
    case 'edge_keys':
      return attempt('SCHEMA', () => readJwks(op));
    case 'secret_ref':
      draft.secrets.set(op.id, op);
      return null;
    case 'deleted_secret':
      draft.secrets.delete(op.id);
      return null;
    case 'deleted_bundle':
      // What is released stays at hand, whatever the state says of the version.
      if (!versionsInUse(draft.releases).has(op.version)) draft.compiled.drop(op.version);
      return null;
    case 'deleted_edge':
    case 'deleted_signing_key':
      return null;
  }
}

function judgeBundle(draft: Draft, op: PutBundle): Problem | null {
  const sha256 = sha256Of(op);
  if (sha256 !== hex(op.sha256)) {
    return { code: 'DIGEST', detail: `version ${op.version} does not have the hash it says` };
  }
  const verdict = draft.verdicts.get(op);
  if (verdict !== undefined && verdict.kind !== 'good') {
    const code = verdict.kind === 'bad' ? 'COMPILE' : 'INTERNAL';
    return { code, detail: `version ${op.version}: ${verdict.problem}` };
  }
  draft.compiled.put(op.version, sha256, versionsInUse(draft.releases));
  return null;
}

function sha256Of({ documentsJson }: PutBundle): string {
  return createHash('sha256').update(documentsJson).digest('hex');
}

function judgeRelease(draft: Draft, op: Release): Problem | null {
  // A shadow has no effect, and so its absence has none either.
  if (!draft.compiled.has(op.version)) {
    return {
      code: 'DEPENDENCY',
      detail: `release of version ${op.version} to ${op.ring}, which is not here`,
    };
  }
  draft.releases.set(op.ring, op);
  return null;
}

function attempt(code: Problem['code'], work: () => unknown): Problem | null {
  try {
    work();
    return null;
  } catch (error) {
    return { code, detail: error instanceof Error ? error.message : String(error) };
  }
}

/** A release may stand before its version in the frame; the workers need the version first. */
function releasesLast(ops: readonly ConfigOp[]): readonly ConfigOp[] {
  return [...ops.filter((op) => op.op !== 'release'), ...ops.filter((op) => op.op === 'release')];
}

/**
 * The same op with bytes of its own: those that were decoded are views into the whole message, and
 * sending a view to a worker would copy all of it.
 */
function withOwnBytes(op: ConfigOp): ConfigOp {
  switch (op.op) {
    case 'bundle':
      return {
        ...op,
        sha256: new Uint8Array(op.sha256),
        documentsJson: new Uint8Array(op.documentsJson),
      };
    case 'signing_key':
      return {
        ...op,
        publicKey: new Uint8Array(op.publicKey),
        rootSignature: new Uint8Array(op.rootSignature),
      };
    case 'secret_ref':
      return { ...op, sha256: new Uint8Array(op.sha256) };
    default:
      return op;
  }
}
