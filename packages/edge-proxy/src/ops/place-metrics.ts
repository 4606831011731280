import { Counter, Gauge, type Registry } from 'prom-client';
import type { PlaceStatus } from '../places/keeper.ts';
import { type PlaceKind, placeKinds } from '../places/place-file.ts';

export type PlaceFigures = (kind: PlaceKind) => PlaceStatus;

/** How the data on places stands: missing, stale, refused or in use. */
export function addPlaceMetrics(registers: Registry[], figures: PlaceFigures): void {
  new Gauge({
    name: 'sallyport_edge_place_files',
    help: 'Files of places: named by the configuration, used, and used as they are on the disk',
    labelNames: ['kind', 'state'],
    registers,
    collect() {
      for (const kind of placeKinds) {
        const { configured, loaded, current } = figures(kind);
        for (const [state, count] of Object.entries({ configured, loaded, current })) {
          this.set({ kind, state }, count);
        }
      }
    },
  });
  new Gauge({
    name: 'sallyport_edge_place_data_age_seconds',
    help: 'Time since the oldest data on places in use was made; absent where there is none',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const kind of placeKinds) {
        const { ageMs } = figures(kind);
        if (ageMs !== null) this.set({ kind }, ageMs / 1_000);
      }
    },
  });
  new Gauge({
    name: 'sallyport_edge_place_data_bytes',
    help: 'Memory of the data on places, which all workers share',
    registers,
    collect() {
      this.set(placeKinds.reduce((sum, kind) => sum + figures(kind).bytes, 0));
    },
  });
  new Counter({
    name: 'sallyport_edge_place_files_refused_total',
    help: 'Files of places that were not taken, by why; the last good one goes on being used',
    labelNames: ['kind', 'code'],
    registers,
    collect() {
      this.reset();
      for (const kind of placeKinds) {
        for (const [code, count] of Object.entries(figures(kind).refused)) {
          this.inc({ kind, code }, count);
        }
      }
    },
  });
}
