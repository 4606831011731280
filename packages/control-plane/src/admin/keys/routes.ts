import { Type } from 'typebox';
import { read } from '../../store/database.ts';
import { readAssertionJwks } from '../../store/edges.ts';
import type { AdminApp, AdminContext } from '../context.ts';

const cacheSeconds = 60;

/** The public keys with which upstreams verify assertions, those of all edges not blocked. */
export function keyRoutes(app: AdminApp, context: AdminContext): void {
  app.get(
    '/.well-known/sallyport/jwks.json',
    {
      config: { permission: 'public' },
      schema: {
        tags: ['keys'],
        summary: 'Public keys of assertions (RFC 7517)',
        response: {
          200: Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) }),
        },
      },
    },
    async (_request, reply) => {
      const jwks = await read(context.database, (db) => readAssertionJwks(db, context.clock()));
      reply.header('Cache-Control', `public, max-age=${cacheSeconds}`);
      return { keys: jwks.map((jwk) => JSON.parse(jwk) as Record<string, unknown>) };
    },
  );
}
