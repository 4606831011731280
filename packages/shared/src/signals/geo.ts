import type { Coordinates } from './place.ts';

const earthRadiusKm = 6_371.0088;
const radians = Math.PI / 180;
/** Half of the way round: no two places are further apart. */
export const distanceKmMax = earthRadiusKm * Math.PI;

/** Data that are no surer than this mean a continent: they say nothing of where somebody is. */
export const accuracyKmMax = 1_000;

const rowsOfCells = 200;
const cellsOfEquator = 400;

type Point = Pick<Coordinates, 'latitude' | 'longitude'>;

/** Great-circle distance in kilometres (haversine), accuracy aside. The same both ways round. */
export function distanceKm(a: Point, b: Point): number {
  const north = Math.sin(((b.latitude - a.latitude) * radians) / 2);
  const east = Math.sin(((b.longitude - a.longitude) * radians) / 2);
  const parallel = Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians);
  const half = north * north + parallel * east * east;
  return 2 * earthRadiusKm * Math.asin(Math.min(1, Math.sqrt(half)));
}

/**
 * A number for the cell of about 100 km by 100 km that the point is in: rows of 0.9 degrees, each
 * cut into as many cells as are 100 km wide there. What is in one cell has one number.
 */
export function cellOf(point: Point): number {
  const row = clamp(Math.floor((point.latitude + 90) / (180 / rowsOfCells)), 0, rowsOfCells - 1);
  const middle = ((row + 0.5) * (180 / rowsOfCells) - 90) * radians;
  const cells = Math.max(1, Math.round(cellsOfEquator * Math.cos(middle)));
  const turn = (((point.longitude + 180) % 360) + 360) % 360;
  return row * cellsOfEquator + clamp(Math.floor((turn / 360) * cells), 0, cells - 1);
}

/** Whether the numbers are a place on Earth. What is none is not known. */
export function areCoordinates(value: Coordinates): boolean {
  return (
    Math.abs(value.latitude) <= 90 &&
    Math.abs(value.longitude) <= 180 &&
    value.accuracyKm >= 0 &&
    value.accuracyKm <= 25_000
  );
}

function clamp(value: number, from: number, to: number): number {
  return Math.min(to, Math.max(from, value));
}
