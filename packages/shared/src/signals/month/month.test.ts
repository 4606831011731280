import { describe, expect, it } from 'vitest';
import { defaultSettings } from '../settings.ts';
import { measure } from './measure.ts';
import { monthOf } from './month.ts';
import { report } from './report.ts';

describe('a generated month', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(monthOf(1, 7)).toEqual(monthOf(1, 7));
    expect(monthOf(2, 7).events).not.toEqual(monthOf(1, 7).events);
  });

  it('is but for the attack the same without it', () => {
    const attacked = Array.from({ length: 60 }, (_, i) => i).find((i) => monthOf(1, i).attack);
    const month = monthOf(1, attacked ?? -1);
    const ids = new Set(month.events.map((event) => event.id));
    const innocent = monthOf(1, attacked ?? -1, false).events;
    expect(innocent.length).toBeLessThan(month.events.length);
    expect(innocent.every((event) => ids.has(event.id))).toBe(true);
  });

  it('shows attacks to the detectors, and little else', () => {
    const users = 200;
    const measured = measure({ seed: 1, count: 2 * users, half: 1 }, defaultSettings);
    const { measures, together } = measured;
    const recall = (name: keyof typeof measures) => measures[name].found / measures[name].attacks;
    const falsePerUser = (name: keyof typeof measures) =>
      (measures[name].cases - measures[name].right) / users;
    const seen = report(measured, defaultSettings, users);
    expect(recall('session-on-other-device'), seen).toBe(1);
    expect(recall('impossible-travel'), seen).toBeGreaterThan(0.4);
    expect(recall('new-country'), seen).toBeGreaterThan(0.8);
    expect(falsePerUser('impossible-travel'), seen).toBeLessThan(0.08);
    expect(falsePerUser('distant-sessions'), seen).toBeLessThan(0.06);
    expect(together.disturbed / users, seen).toBeLessThan(0.03);
    expect(falsePerUser('failed-sign-ins'), seen).toBeLessThan(0.02);
    expect(falsePerUser('denial-burst'), seen).toBeLessThan(0.02);
    expect(falsePerUser('session-on-other-device'), seen).toBeLessThan(0.02);
  }, 30_000);
});
