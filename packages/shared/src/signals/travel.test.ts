import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellOf, distanceKm, distanceKmMax } from './geo.ts';
import type { KnownPlace } from './place.ts';
import { place } from './testing/arbitraries.ts';
import { berlin, hourMs, monday, munich, newYork, nowhere, saoPaulo } from './testing/events.ts';
import { judgeTravel, tellsWhere, travelVerdict, type Whereabouts } from './travel.ts';

const thresholds = { speedKmhMax: 1000, distanceKmMin: 500 };
const at = (where: KnownPlace | null, hours = 0, deviceId: string | null = null): Whereabouts => ({
  atMs: monday + hours * hourMs,
  deviceId,
  place: where,
});
const outcome = (from: Whereabouts, to: Whereabouts) => travelVerdict(from, to, thresholds).outcome;
const there = (change: Partial<KnownPlace>): KnownPlace => ({ ...newYork, ...change });

describe('distance', () => {
  it('is what maps say', () => {
    const [a, b] = [berlin.coordinates, newYork.coordinates];
    expect(a !== null && b !== null && distanceKm(a, b)).toBeCloseTo(6385, -1);
  });

  it('is the same both ways round, nothing to itself, and half of the way round at the most', () => {
    fc.assert(
      fc.property(place, place, ({ coordinates: a }, { coordinates: b }) => {
        fc.pre(a !== null && b !== null);
        expect(distanceKm(a, b)).toBeCloseTo(distanceKm(b, a), 6);
        expect(distanceKm(a, a)).toBe(0);
        expect(distanceKm(a, b)).toBeLessThanOrEqual(distanceKmMax + 1e-6);
      }),
    );
  });

  it('is short across the date line and at the poles', () => {
    const near = (latitude: number, longitude: number) => ({ latitude, longitude });
    expect(distanceKm(near(0, 179.9), near(0, -179.9))).toBeLessThan(25);
    expect(distanceKm(near(90, 0), near(90, 120))).toBeLessThan(0.001);
  });
});

describe('a cell', () => {
  it('holds points within 250 km of each other, everywhere', () => {
    const cells = new Map<number, { latitude: number; longitude: number }>();
    fc.assert(
      fc.property(place, ({ coordinates: point }) => {
        fc.pre(point !== null);
        const first = cells.get(cellOf(point)) ?? point;
        cells.set(cellOf(point), first);
        expect(distanceKm(first, point)).toBeLessThan(250);
        expect(cellOf({ ...point, longitude: point.longitude + 360 })).toBeTypeOf('number');
      }),
      { numRuns: 2000 },
    );
  });

  it('is one for what is near, another for what is far', () => {
    expect(cellOf({ latitude: 52.6, longitude: 13.4 })).toBe(
      cellOf({ latitude: 52.5, longitude: 13.41 }),
    );
    expect(cellOf({ latitude: 52.5, longitude: 13.4 })).not.toBe(
      cellOf({ latitude: 48.1, longitude: 11.6 }),
    );
  });
});

describe('travel', () => {
  it('is a journey when it is faster than anybody travels', () => {
    const journey = judgeTravel(at(berlin), at(newYork, 1), thresholds);
    expect(journey?.speedKmh).toBeGreaterThan(6000);
    expect(journey?.reason).toBe('DE and US, 6345 km apart, within 1.0 h');
  });

  it('is none when there was time for a flight', () => {
    expect(outcome(at(berlin), at(newYork, 9))).toBe('possible');
  });

  it('is a journey in the same instant, at a speed that is a number', () => {
    const journey = judgeTravel(at(berlin), at(newYork), thresholds);
    expect(journey?.speedKmh).toSatisfy(Number.isFinite);
    expect(journey?.reason).toContain('within 1 s');
  });

  it('is none where the accuracy radii meet or leave less than the floor', () => {
    const vague = (accuracyKm: number) =>
      there({ coordinates: { latitude: 40.71, longitude: -74.01, accuracyKm } });
    expect(outcome(at(berlin), at(vague(1000)))).toBe('journey');
    const under = (distanceKmMin: number) => ({ speedKmhMax: 1000, distanceKmMin });
    expect(travelVerdict(at(berlin), at(vague(1000)), under(5400)).outcome).toBe('near');
    const wide = {
      ...munich,
      asn: 1,
      coordinates: { latitude: 48, longitude: 11, accuracyKm: 700 },
    };
    expect(travelVerdict(at(berlin), at(wide), under(0)).outcome).toBe('near');
  });

  it('is never made of data that mean a continent, which cannot hide a journey either', () => {
    const vague = there({ coordinates: { latitude: 40.71, longitude: -74.01, accuracyKm: 1001 } });
    expect(outcome(at(berlin), at(vague))).toBe('vague');
    expect(outcome(at(vague), at(berlin))).toBe('vague');
    expect(tellsWhere(vague)).toBe(false);
  });

  it('is none within a country on one network, however far its addresses wander', () => {
    const far = there({ asn: 7018, coordinates: { latitude: 34, longitude: -118, accuracyKm: 5 } });
    expect(outcome(at(newYork), at(far))).toBe('same-network');
    expect(outcome(at(newYork), at({ ...far, country: null }))).toBe('same-network');
    expect(outcome(at(newYork), at({ ...far, country: 'CA' }))).toBe('journey');
    expect(outcome(at(newYork), at({ ...far, asn: null }))).toBe('journey');
  });

  it('is none between the addresses of version 4 and 6 of one place', () => {
    const six = { ...berlin, coordinates: { latitude: 50.1, longitude: 8.7, accuracyKm: 50 } };
    expect(outcome(at(berlin), at(six))).toBe('same-network');
    expect(outcome(at(berlin), at({ ...six, asn: 6805 }))).toBe('near');
  });

  it('is none with a known way out on either side', () => {
    expect(outcome(at(berlin), at(there({ egress: 'vpn' })))).toBe('egress');
    expect(outcome(at(there({ egress: 'vpn' })), at(berlin))).toBe('egress');
  });

  it('is never made of data that is missing: that is an outcome of its own', () => {
    for (const unknown of [
      null,
      nowhere,
      there({ coordinates: null }),
      there({ coordinates: { latitude: 91, longitude: 0, accuracyKm: 0 } }),
      there({ coordinates: { latitude: Number.NaN, longitude: 0, accuracyKm: 0 } }),
      there({ coordinates: { latitude: 1, longitude: 0, accuracyKm: Number.NaN } }),
    ]) {
      expect(outcome(at(berlin), at(unknown))).toBe('unknown');
      expect(outcome(at(unknown), at(berlin))).toBe('unknown');
    }
  });

  it('is none between two known devices, and one between a device and none', () => {
    expect(outcome(at(berlin, 0, 'dev_a'), at(newYork, 0, 'dev_b'))).toBe('other-device');
    expect(outcome(at(berlin, 0, 'dev_a'), at(newYork, 0, 'dev_a'))).toBe('journey');
    expect(outcome(at(berlin, 0, 'dev_a'), at(newYork, 0, null))).toBe('journey');
  });

  it('is none for a known device within a country, and one across a border', () => {
    const far = there({ asn: 1, coordinates: { latitude: 34, longitude: -118, accuracyKm: 5 } });
    expect(outcome(at(newYork, 0, 'dev_a'), at(far, 0, 'dev_a'))).toBe('same-country');
    expect(outcome(at(newYork, 0, 'dev_a'), at(far, 0, null))).toBe('journey');
    const abroad = { ...far, country: 'MX' };
    expect(outcome(at(newYork, 0, 'dev_a'), at(abroad, 0, 'dev_a'))).toBe('journey');
  });

  it('is judged the same in either order of coming and of time', () => {
    const hours = fc.double({ min: -48, max: 48, noNaN: true });
    fc.assert(
      fc.property(place, place, hours, (a, b, later) => {
        const verdict = travelVerdict(at(a), at(b, later), thresholds);
        expect(travelVerdict(at(b, later), at(a), thresholds).outcome).toBe(verdict.outcome);
        expect(travelVerdict(at(a, later), at(b), thresholds).outcome).toBe(verdict.outcome);
      }),
    );
  });

  it('is none for a speed or distance under the threshold, whatever the places', () => {
    const hours = fc.double({ min: 0, max: 48, noNaN: true });
    fc.assert(
      fc.property(place, place, hours, (a, b, later) => {
        const journey = judgeTravel(at(a), at(b, later), thresholds);
        if (journey === null) return;
        expect(journey.distanceKm).toBeGreaterThanOrEqual(thresholds.distanceKmMin);
        expect(journey.speedKmh).toBeGreaterThan(thresholds.speedKmhMax);
      }),
    );
  });

  it('is none at a time that is no number', () => {
    expect(outcome({ ...at(saoPaulo), atMs: Number.NaN }, at(munich))).toBe('possible');
  });
});
