import { expect, test } from 'vitest';
import { settings } from '../testing/configuration.ts';
import { releaseSettings, ringOf } from './settings.ts';

const { rings } = releaseSettings([
  settings({
    rollout: {
      rings: [
        { name: 'canary', edges: { matchLabels: { ring: 'canary' } }, bake: '10m' },
        { name: 'south', edges: { matchLabels: { region: 'south', tier: 'web' } }, bake: '1h' },
      ],
    },
  }),
]);

test('an edge is in the first ring all of whose labels it has, and else in default', () => {
  expect(ringOf(rings, { ring: 'canary', region: 'south', tier: 'web' })).toBe('canary');
  expect(ringOf(rings, { region: 'south', tier: 'web' })).toBe('south');
  expect(ringOf(rings, { region: 'south' })).toBe('default');
  expect(ringOf(rings, { ring: 'Canary' })).toBe('default');
  expect(ringOf(rings, {})).toBe('default');
});

test('without settings every edge is in one ring, and nothing is asked for', () => {
  expect(releaseSettings([])).toEqual({
    approvalRequired: false,
    rings: [{ name: 'default', matchLabels: null, bakeMs: 0 }],
    gates: { denialRateFactor: 2, denialsMin: 20 },
    blastRadius: { limit: null, windowMs: 7 * 86_400_000 },
  });
});
