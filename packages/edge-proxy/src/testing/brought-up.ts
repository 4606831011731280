import { setTimeout as delay } from 'node:timers/promises';
import { AckStage } from '@sallyport/proto';
import type { ConfigOp, Lane, Position } from '@sallyport/shared/state/model';
import type { EdgeUnderTest } from './edge-under-test.ts';
import { sampleBundle, sampleSigningKey, sampleUser } from './sample-state.ts';
import type { ScriptedControlPlane } from './scripted-control-plane.ts';
import type { ScriptedStream } from './scripted-stream.ts';

/** A place in the first epoch, unless it is said which. */
export const at = (rev: number, epoch = 1): Position => ({ epoch, rev });

export const userBlock = (revocationId: string, subjectId: string) =>
  ({ op: 'block', revocationId, kind: 'user', subjectId, expiresAtMs: null }) as const;
export const userLift = (revocationId: string, subjectId: string) =>
  ({ op: 'lifted_block', revocationId, kind: 'user', subjectId }) as const;

/** Whether each worker denies the user. */
export function blocked({ workers }: EdgeUnderTest, user: string): boolean[] {
  return workers.map(({ current }) => current.block('user', user, 0));
}

/** The newest stream of an edge that brings the lane; waits for it. */
export async function streamOf(plane: ScriptedControlPlane, lane: Lane): Promise<ScriptedStream> {
  const fits = (one: ScriptedStream) => one.lanes.includes(lane);
  return plane.streams.all.findLast(fits) ?? plane.streams.next(fits);
}

/** The stream that comes after this one, on the same lanes. */
export async function streamAfter(
  plane: ScriptedControlPlane,
  stream: ScriptedStream,
): Promise<ScriptedStream> {
  const [lane] = stream.lanes;
  const fits = (one: ScriptedStream) => lane !== undefined && one.lanes.includes(lane);
  const after = plane.streams.all.slice(plane.streams.all.indexOf(stream) + 1).find(fits);
  return after ?? plane.streams.next((one) => one !== stream && fits(one));
}

export interface BroughtUp {
  readonly revoke: ScriptedStream;
  readonly bulk: ScriptedStream;
}

/** The configuration that an edge is ready with. */
export function sampleConfig(plane: ScriptedControlPlane, edge: EdgeUnderTest): ConfigOp[] {
  return [
    sampleBundle(1),
    { op: 'release', ring: 'default', version: 1, shadowVersion: null },
    sampleSigningKey(plane.root),
    {
      op: 'edge_keys',
      edgeId: plane.edgeId,
      region: 'eu',
      assertionJwks: [edge.ownKey.publicJwk],
    },
  ];
}

/** Gives an edge its first state: revoke at 10, config at 20, directory at 30, signals at 40. */
export async function bringUp(
  plane: ScriptedControlPlane,
  edge: EdgeUnderTest,
): Promise<BroughtUp> {
  const [revoke, bulk] = [await streamOf(plane, 'revoke'), await streamOf(plane, 'config')];
  // Before the configuration, whose check may take seconds where there is other work: the first
  // heartbeat of a stream counts as old as the stream.
  for (const stream of [revoke, bulk]) stream.sendHeartbeat([]);
  revoke.sendState('revoke', at(10), []);
  bulk.sendState('config', at(20), sampleConfig(plane, edge));
  bulk.sendState('directory', at(30), [sampleUser('usr_a')]);
  bulk.sendState('signals', at(40), []);
  await revoke.acked('revoke', at(10), AckStage.ENFORCED);
  await bulk.acked('config', at(20), AckStage.ENFORCED);
  await bulk.acked('directory', at(30), AckStage.ENFORCED);
  await bulk.acked('signals', at(40), AckStage.ENFORCED);
  revoke.sendHeartbeat([['revoke', at(10)]]);
  bulk.sendHeartbeat([
    ['config', at(20)],
    ['directory', at(30)],
    ['signals', at(40)],
  ]);
  while (!edge.workers.every(({ current }) => current.ready())) await delay(2);
  return { revoke, bulk };
}
