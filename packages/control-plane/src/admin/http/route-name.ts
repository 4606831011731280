import type { FastifyRequest } from 'fastify';

/** The pattern of a request's route for people and metrics: `/v1/config:apply`, never a path. */
export function routeNameOf({ routeOptions }: Pick<FastifyRequest, 'routeOptions'>): string {
  // For the router, a colon that begins no parameter is written twice.
  return routeOptions.url?.replaceAll('::', ':') ?? 'none';
}
