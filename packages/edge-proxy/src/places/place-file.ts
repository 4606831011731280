/** What a file of places is about: where addresses are, or whose networks they are of. */
export const placeKinds = ['city', 'asn'] as const;
export type PlaceKind = (typeof placeKinds)[number];

export interface PlaceSource {
  readonly kind: PlaceKind;
  readonly path: string;
}

/** A file that was read and checked whole. Nobody writes into the memory any more. */
export interface SharedPlaceFile {
  readonly bytes: SharedArrayBuffer;
}

/** All that workers look places up in; of each kind, the first file that knows an address counts. */
export type SharedPlaces = Readonly<Record<PlaceKind, readonly SharedPlaceFile[]>>;

/** Why a file is not used. */
export const refusalCodes = [
  /** There is no file. */
  'missing',
  /** It is there, and cannot be read, or is no plain file. */
  'unreadable',
  /** It is larger than any such file is. */
  'too_large',
  /** It changed while it was read. */
  'changing',
  /** It does not end as files of this format do: empty, cut off, or something else. */
  'not_mmdb',
  /** What it says of itself does not hold. */
  'bad_metadata',
  /** Its search tree leads out of the file. */
  'bad_tree',
  /** A value in it cannot be read, leads to itself, or would grow beyond all measure. */
  'bad_data',
  /** It is sound and about something else. */
  'wrong_type',
  /** The check gave no answer in time. */
  'check_failed',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

export interface Refused {
  readonly ok: false;
  readonly code: RefusalCode;
  /** For the log. */
  readonly detail: string;
}

/** The file as it is on the disk; another one when anything of it has changed. */
export type FileStamp = string;

export type LoadedFile =
  | {
      readonly ok: true;
      readonly bytes: SharedArrayBuffer;
      /** When the data was made. */
      readonly builtAtMs: number;
      /** As it calls itself. */
      readonly databaseType: string;
    }
  | Refused;
