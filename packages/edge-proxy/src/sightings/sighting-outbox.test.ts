import { describe, expect, it } from 'vitest';
import type { Sighting } from './sighting.ts';
import { SightingOutbox } from './sighting-outbox.ts';

const sighting = (id: number): Sighting => ({
  id: `${id}`,
  seenAtMs: id,
  userId: 'usr_a',
  sid: 'ses_a',
  deviceId: null,
  sourceAddress: '192.0.2.1',
  place: null,
  route: null,
});

describe("a worker's sightings", () => {
  it('go to the main thread at once, which says when it has taken them', () => {
    const posted: { readonly ids: string[]; readonly dropped: number }[] = [];
    const outbox = new SightingOutbox(({ sightings, dropped }) =>
      posted.push({ ids: sightings.map(({ id }) => id), dropped }),
    );
    for (let id = 1; id <= 6; id += 1) outbox.push([sighting(id)], id === 2 ? 7 : 0);
    expect(posted.map(({ ids }) => ids)).toEqual([['1'], ['2'], ['3'], ['4']]);
    expect(posted.map(({ dropped }) => dropped)).toEqual([0, 7, 0, 0]);
    outbox.taken(1);
    expect(posted.at(-1)).toEqual({ ids: ['5', '6'], dropped: 0 });
  });

  it('wait in a bounded queue while it takes none, and those that are lost are counted', () => {
    const posted: { readonly ids: string[]; readonly dropped: number }[] = [];
    const outbox = new SightingOutbox(({ sightings, dropped }) =>
      posted.push({ ids: sightings.map(({ id }) => id), dropped }),
    );
    for (let id = 1; id <= 4 + 4_096 + 10; id += 1) outbox.push([sighting(id)], 0);
    outbox.taken(4);
    const [next] = posted.slice(4);
    expect([next?.ids[0], next?.ids.length, next?.dropped]).toEqual(['15', 256, 10]);
  });
});
