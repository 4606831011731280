import type { CommandFile } from '../call.ts';
import { registerAccess } from './access.ts';
import { registerApply } from './configuration-apply.ts';
import { registerDecisionExplain, registerExplain } from './decision-explain.ts';
import { registerDecisionList } from './decision-list.ts';
import { registerDecisionSummary } from './decision-summary.ts';
import { registerDecisionTail } from './decision-tail.ts';
import { registerDeclareRestore } from './declare-restore.ts';
import { registerDeviceCertificates } from './device-certificates.ts';
import { registerDeviceEnrol } from './device-enrol.ts';
import { registerDevicePosture } from './device-posture.ts';
import { registerJoinToken } from './edge-join-token.ts';
import { registerExports } from './exports.ts';
import { registerGroupMembers } from './group-members.ts';
import { registerGroupWrites } from './group-write.ts';
import { registerHeaders } from './headers-report.ts';
import { registerInit } from './installation-init.ts';
import { registerKeys } from './keys.ts';
import { registerMigration } from './migration-report.ts';
import { registerPolicyDiff } from './policy-diff.ts';
import { registerPolicyHistory } from './policy-history.ts';
import { registerPolicyLint } from './policy-lint.ts';
import { registerPolicyReplay } from './policy-replay.ts';
import { registerPolicyReview } from './policy-review.ts';
import { registerPolicyRollback } from './policy-rollback.ts';
import { registerPolicyShadow } from './policy-shadow.ts';
import { registerPolicySimulate } from './policy-simulate.ts';
import { registerPolicyTest } from './policy-test.ts';
import { registerProbe } from './probe.ts';
import { registerDelete } from './resource-delete.ts';
import { registerGet } from './resource-get.ts';
import { registerLists } from './resource-list.ts';
import { registerRevoke } from './revocation-create.ts';
import { registerLift } from './revocation-lift.ts';
import { registerRollout } from './rollout.ts';
import { registerSchema } from './schema.ts';
import { registerSecretSet } from './secret-set.ts';
import { registerSignals } from './signals.ts';
import { registerTokenCreate } from './token-create.ts';
import { registerUserCreate } from './user-create.ts';
import { registerUserEmployment } from './user-employment.ts';
import { registerUserStatus } from './user-status.ts';
import { registerWebhooks } from './webhooks.ts';

/** Every command, in the order of the help; lists come before the verbs of their nouns. */
export const commandFiles: readonly CommandFile[] = [
  registerInit,
  registerApply,
  registerPolicyTest,
  registerPolicyLint,
  registerPolicySimulate,
  registerPolicyReplay,
  registerPolicyShadow,
  registerPolicyDiff,
  registerPolicyHistory,
  registerPolicyRollback,
  registerPolicyReview,
  registerRollout,
  registerSchema,
  registerProbe,
  registerGet,
  registerDelete,
  registerRevoke,
  registerLift,
  registerExplain,
  registerAccess,
  registerDecisionList,
  registerDecisionTail,
  registerDecisionSummary,
  registerDecisionExplain,
  registerMigration,
  registerHeaders,
  registerLists,
  registerSignals,
  registerUserCreate,
  registerUserStatus,
  registerUserEmployment,
  registerGroupMembers,
  registerGroupWrites,
  registerDeviceEnrol,
  registerDeviceCertificates,
  registerDevicePosture,
  registerJoinToken,
  registerTokenCreate,
  registerSecretSet,
  registerExports,
  registerWebhooks,
  registerKeys,
  registerDeclareRestore,
];
