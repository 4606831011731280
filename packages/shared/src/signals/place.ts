/** Where an address is, as far as the data on places and the settings know. */
export interface KnownPlace {
  /** ISO 3166-1 alpha-2, upper case; null: not known. */
  readonly country: string | null;
  /** The region's name; null: not known. */
  readonly region: string | null;
  /** null: not known. */
  readonly coordinates: Coordinates | null;
  /** Number of the autonomous system; null: not known. */
  readonly asn: number | null;
  /** Name of the known way out (Settings, network.egress) that the address is of; null: none. */
  readonly egress: string | null;
}

export interface Coordinates {
  /** Degrees, north positive. */
  readonly latitude: number;
  /** Degrees, east positive. */
  readonly longitude: number;
  /** The place is within so far of them. */
  readonly accuracyKm: number;
}
