/** What the commands of `policy` are about. */
export const policySummary = 'test, rehearse, compare and undo changes of the policy';
