import type { FastifyRequest } from 'fastify';

interface QuerySchema {
  readonly properties?: Readonly<Record<string, { readonly type?: string }>>;
}

/**
 * Turns query values that the route's schema wants as integers or booleans into those, where they
 * are spelt as such. Bodies are never converted, and nothing else is guessed.
 */
export function convertQuery(request: FastifyRequest): void {
  const schema = request.routeOptions.schema?.querystring as QuerySchema | undefined;
  const query = request.query as Record<string, unknown>;
  for (const [name, { type }] of Object.entries(schema?.properties ?? {})) {
    const value = query[name];
    if (typeof value !== 'string') continue;
    if (type === 'integer' && /^(0|[1-9]\d{0,14})$/.test(value)) query[name] = Number(value);
    if (type === 'boolean' && (value === 'true' || value === 'false')) {
      query[name] = value === 'true';
    }
  }
}
