import { createHash } from 'node:crypto';
import { verifySigningKey } from '@sallyport/shared/keys/root';
import type { ConfigOp, PutBundle, Release, SecretRef } from '@sallyport/shared/state/model';
import type { Problem } from '@sallyport/shared/sync/edge-lane-model';
import { checkBundles } from '../3-index/check-bundles.ts';
import { bundlesKept, Shelf } from '../3-index/shelf.ts';
import { readJwks } from './edge-jwks.ts';

/** What the main thread remembers of the `config` lane to judge what comes next. */
export interface ConfigKnowledge {
  /** Versions that compiled here and that every worker holds. */
  readonly compiled: Shelf<true>;
  readonly releases: ReadonlyMap<string, number>;
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
}

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
): Promise<AdmittedConfig> {
  const bundles = ops.filter((op) => op.op === 'bundle');
  const verdicts = await checkBundles(bundles);
  const draft = {
    compiled: known.compiled.copy(),
    releases: new Map(known.releases),
    secrets: new Map(known.secrets),
    problems: new Map(bundles.map((bundle, index) => [bundle, verdicts[index]])),
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
  return { known: draft, ops: admitted, refusals, refused };
}

/** Judges the whole state of the lane. Of the versions only those in use and the newest are kept. */
export async function admitConfigState(
  ops: readonly ConfigOp[],
  trust: KeyTrust,
): Promise<AdmittedConfig> {
  const released = new Set(ops.filter((op) => op.op === 'release').map((op) => op.version));
  const kept = ops
    .filter((op): op is PutBundle => op.op === 'bundle')
    .toSorted(
      (a, b) =>
        Number(released.has(b.version)) - Number(released.has(a.version)) || b.version - a.version,
    )
    .slice(0, bundlesKept);
  const wanted = ops.filter((op) => op.op !== 'bundle' || kept.includes(op));
  return admitConfigFrame(emptyConfigKnowledge(), wanted, trust);
}

interface Draft {
  readonly compiled: Shelf<true>;
  readonly releases: Map<string, number>;
  readonly secrets: Map<string, SecretRef>;
  /** Of every version in the frame; only null is good. */
  readonly problems: ReadonlyMap<PutBundle, string | null | undefined>;
}

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
      if (![...draft.releases.values()].includes(op.version)) draft.compiled.drop(op.version);
      return null;
    case 'deleted_edge':
    case 'deleted_signing_key':
      return null;
  }
}

function judgeBundle(draft: Draft, op: PutBundle): Problem | null {
  const sha256 = createHash('sha256').update(op.documentsJson).digest();
  if (!sha256.equals(op.sha256)) {
    return { code: 'DIGEST', detail: `version ${op.version} does not have the hash it says` };
  }
  const problem = draft.problems.get(op);
  if (problem !== null) {
    return { code: 'COMPILE', detail: `version ${op.version}: ${problem ?? 'it was not checked'}` };
  }
  draft.compiled.put(op.version, true, new Set(draft.releases.values()));
  return null;
}

function judgeRelease(draft: Draft, op: Release): Problem | null {
  if (!draft.compiled.has(op.version)) {
    return {
      code: 'DEPENDENCY',
      detail: `release of version ${op.version} to ${op.ring}, which is not here`,
    };
  }
  draft.releases.set(op.ring, op.version);
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
