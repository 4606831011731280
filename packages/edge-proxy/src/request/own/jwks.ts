import type { Endpoint, OwnNeeds } from './needs.ts';

/** Keys are published before their first use, so a minute's delay loses nothing. */
const cacheSeconds = 60;

/** `GET jwks.json`: the public assertion keys of all edges, for upstreams. */
export function createJwks({ state }: OwnNeeds): Endpoint {
  let shown = state.jwks();
  let body = JSON.stringify(shown);
  return () => {
    const current = state.jwks();
    if (current !== shown) {
      shown = current;
      body = JSON.stringify(current);
    }
    return { kind: 'json', body, cacheSeconds };
  };
}
