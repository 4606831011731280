/** Seeds whose worlds once broke an invariant. They always run. */
export const failedSeeds: readonly number[] = [
  3, 17, 35, 57, 112, 163, 182, 220, 269, 276, 328, 386, 409, 449, 517, 635, 858, 1497, 3207, 3278,
];
