import { type Hello, lanePositionFromWire } from '@sallyport/proto';
import type { Lane } from '@sallyport/shared/state/model';
import type { LanePosition } from '@sallyport/shared/sync/messages';

/**
 * The oldest version of the protocol that is spoken here. An edge of a newer one speaks down to us:
 * what it says beyond what we know is skipped.
 */
const protocolOldest = 1;
const lanesMax = 16;

/** What an edge says first: what it is, and how far it has come in the lanes of this stream. */
export interface Greeting {
  readonly softwareVersion: string;
  readonly have: ReadonlyMap<Lane, LanePosition>;
}

/** Reads a Hello. A lane of a newer protocol is left out; a stream without any lane is refused. */
export function readHello(hello: Hello): Greeting | { readonly problem: string } {
  if (hello.protocol < protocolOldest) {
    return { problem: `protocol ${hello.protocol} is not spoken here, ${protocolOldest} is` };
  }
  if (hello.have.length > lanesMax) return { problem: 'too many lanes' };
  const have = new Map<Lane, LanePosition>();
  for (const wire of hello.have) {
    const position = lanePositionFromWire(wire);
    if (position === null) continue;
    if (have.has(position.lane)) return { problem: `lane ${position.lane} is named twice` };
    have.set(position.lane, position);
  }
  if (have.size === 0) return { problem: 'no lane is named' };
  return { softwareVersion: printable(hello.softwareVersion), have };
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '').slice(0, 64);
}
