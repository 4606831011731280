import type { KnownEdge } from '../../store/edge-status.ts';
import { isWitnessed } from '../attendance.ts';
import { isConnected, seenAtMs } from '../ring-edges.ts';
import type { Gate, GateContext } from './gate.ts';

/** An edge that starts anew is back by then. */
const missingMsMax = 60_000;
/** One of ten or fewer counts; of many, a few come and go without a reason. */
const shareMax = 0.1;
const namedMax = 3;

/**
 * The edges that got the version are still there and enforce it: an edge that ends, hangs or starts
 * again and again at a version refuses nothing. Counted while the job looks and others are well, so
 * that an outage of the control plane, the database or the network is not put down to the version.
 */
export const edgeLossGate: Gate = {
  name: 'edge-loss',
  async check(context) {
    const { expected, missing } = context.attendance;
    if (missing.length === 0) return 'pass';
    if (!isWitnessed(context.attendance)) {
      return { wait: `${count(context, missing)}, and most of the others are not there either` };
    }
    const lost = missing.filter(({ id }) => isLost(context, id));
    if (lost.length > shareMax * expected.length) {
      const { well, of } = context.attendance.witnesses;
      const meanwhile = `for ${missingMsMax / 1_000} s while ${well} of ${of} to compare with are well`;
      return { fail: `${count(context, lost)} ${meanwhile}: ${named(lost)}` };
    }
    if (lost.length === missing.length) return 'pass';
    return { wait: `${count(context, missing)}: ${named(missing)}` };
  },
};

function isLost({ decisions, nowMs }: GateContext, id: string): boolean {
  return nowMs - (decisions.missing[id] ?? nowMs) >= missingMsMax;
}

function count({ attendance, rollout }: GateContext, edges: readonly KnownEdge[]): string {
  const verb = edges.length === 1 ? 'is' : 'are';
  return `${edges.length} of ${attendance.expected.length} edges that got version ${rollout.version} ${verb} missing`;
}

function named(edges: readonly KnownEdge[]): string {
  const more = edges.length - namedMax;
  const words = edges.slice(0, namedMax).map((edge) => {
    if (isConnected(edge)) return `edge ${edge.id} is connected and does not come to enforce it`;
    const at = new Date(seenAtMs(edge)).toISOString();
    return `edge ${edge.id} was last seen ${at}`;
  });
  return `${words.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
