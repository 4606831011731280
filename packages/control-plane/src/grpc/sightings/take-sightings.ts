import type { SightRequest } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Signals } from '../../signals/signals.ts';
import { CallError } from '../call-error.ts';
import type { GrpcMetrics } from '../metrics.ts';
import { readSighting } from './read-sighting.ts';

export interface SightingParts {
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: GrpcMetrics;
}

const sightingsPerBatchMax = 2_000;

/**
 * Takes one batch of sightings; when it resolves they are durable and the batch may be acknowledged.
 * One that cannot be read is counted and left out: refusing the batch would make the edge send it
 * for ever.
 */
export async function takeSightings(
  { signals, clock, log, metrics }: SightingParts,
  edgeId: string,
  request: SightRequest,
): Promise<void> {
  if (request.sightings.length > sightingsPerBatchMax) {
    const detail = `more than ${sightingsPerBatchMax} sightings at once`;
    throw new CallError(status.INVALID_ARGUMENT, detail);
  }
  const arrivedMs = clock();
  const read = request.sightings.map((sighting) => readSighting(sighting, arrivedMs));
  const sighted = read.filter((sighting) => sighting !== null);
  const unreadable = read.length - sighted.length;
  if (unreadable > 0) log.warn('grpc.sightings_unreadable', { edge: edgeId, unreadable });
  await signals.take(sighted);
  metrics.sightings('taken', sighted.length);
  metrics.sightings('unreadable', unreadable);
  const dropped = Number(request.dropped);
  if (dropped === 0) return;
  log.warn('grpc.sightings_dropped_at_edge', { edge: edgeId, dropped });
  metrics.sightings('dropped_at_edge', dropped);
}
