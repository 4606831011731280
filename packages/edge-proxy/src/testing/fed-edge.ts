import { AckStage } from '@sallyport/proto';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import type { Position, SigningKey } from '@sallyport/shared/state/model';
import type { Listening } from './edge-process.ts';
import {
  sampleBundle,
  sampleCookieRing,
  sampleDocuments,
  sampleSigningKey,
  sampleUser,
  secretRef,
} from './sample-state.ts';
import type { ScriptedControlPlane } from './scripted-control-plane.ts';
import type { ScriptedStream } from './scripted-stream.ts';

export const at = (rev: number): Position => ({ epoch: 1, rev });

/** Gives an edge that has just joined everything it needs to decide. */
export async function feedState(
  plane: ScriptedControlPlane,
  documents: ConfigurationDocument[] = sampleDocuments(),
  signingKey: SigningKey = sampleSigningKey(plane.root),
): Promise<{ revoke: ScriptedStream; bulk: ScriptedStream }> {
  const ring = sampleCookieRing();
  plane.secrets.set('cookie-ring', ring);
  const [first, second] = [await plane.streams.next(), await plane.streams.next()];
  const [revoke, bulk] = first.lanes.includes('revoke') ? [first, second] : [second, first];
  const [joined] = plane.joins.all;
  // As in `bringUp`: before what takes long.
  for (const stream of [revoke, bulk]) stream.sendHeartbeat([]);
  revoke.sendState('revoke', at(1), []);
  bulk.sendState('config', at(1), [
    sampleBundle(1, documents),
    { op: 'release', ring: 'default', version: 1, shadowVersion: null },
    signingKey,
    secretRef('cookie-ring', ring),
    {
      op: 'edge_keys',
      edgeId: plane.edgeId,
      region: 'eu',
      assertionJwks: joined?.assertionJwks ?? [],
    },
  ]);
  bulk.sendState('signals', at(1), []);
  bulk.sendState('directory', at(1), [sampleUser('usr_a')]);
  await Promise.all([
    revoke.acked('revoke', at(1), AckStage.ENFORCED),
    bulk.acked('config', at(1), AckStage.ENFORCED),
    bulk.acked('directory', at(1), AckStage.ENFORCED),
    bulk.acked('signals', at(1), AckStage.ENFORCED),
  ]);
  return { revoke, bulk };
}

export async function readiness({
  ops,
}: Listening): Promise<{ status: number; reasons: string[] }> {
  const answer = await fetch(`${ops}/readyz`);
  const { reasons } = (await answer.json()) as { reasons: string[] };
  return { status: answer.status, reasons };
}

/** Ready, and with an age of the state that lets requests in. */
export async function untilReady(listening: Listening): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${listening.ops}/metrics`)).text();
    const aged = metrics.match(/^sallyport_edge_lane_staleness_seconds\{/gm)?.length ?? 0;
    if (aged === 4 && (await readiness(listening)).status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
