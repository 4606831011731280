import { type Hello, laneFromWire, positionFromWire } from '@sallyport/proto';
import type { Lane, Position } from '@sallyport/shared/state/model';

/** The version of the protocol that this control plane speaks. */
const protocolVersion = 1;

/** What an edge says first: what it is, and how far it has come in the lanes of this stream. */
export interface Greeting {
  readonly softwareVersion: string;
  readonly have: ReadonlyMap<Lane, Position | null>;
}

/** Reads a Hello. A lane of a newer protocol is left out; a stream without any lane is refused. */
export function readHello(hello: Hello): Greeting | { readonly problem: string } {
  if (hello.protocol !== protocolVersion) {
    return { problem: `protocol ${hello.protocol} is not spoken here, ${protocolVersion} is` };
  }
  if (hello.have.length > 16) return { problem: 'too many lanes' };
  const have = new Map<Lane, Position | null>();
  for (const { lane: wire, position } of hello.have) {
    const lane = laneFromWire(wire);
    if (lane === null) continue;
    if (have.has(lane)) return { problem: `lane ${lane} is named twice` };
    have.set(lane, positionFromWire(position));
  }
  if (have.size === 0) return { problem: 'no lane is named' };
  return { softwareVersion: printable(hello.softwareVersion), have };
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '').slice(0, 64);
}
