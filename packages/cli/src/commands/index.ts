import type { CommandFile } from '../call.ts';
import { registerApply } from './configuration-apply.ts';
import { registerExplain } from './decision-explain.ts';
import { registerDecisionList } from './decision-list.ts';
import { registerDecisionTail } from './decision-tail.ts';
import { registerDeclareRestore } from './declare-restore.ts';
import { registerDeviceCertificates } from './device-certificates.ts';
import { registerDeviceEnrol } from './device-enrol.ts';
import { registerJoinToken } from './edge-join-token.ts';
import { registerGroupMembers } from './group-members.ts';
import { registerGroupWrites } from './group-write.ts';
import { registerInit } from './installation-init.ts';
import { registerKeys } from './keys.ts';
import { registerDelete } from './resource-delete.ts';
import { registerGet } from './resource-get.ts';
import { registerLists } from './resource-list.ts';
import { registerRevoke } from './revocation-create.ts';
import { registerLift } from './revocation-lift.ts';
import { registerSecretSet } from './secret-set.ts';
import { registerTokenCreate } from './token-create.ts';
import { registerUserCreate } from './user-create.ts';
import { registerUserStatus } from './user-status.ts';

/** Every command, in the order of the help; lists come before the verbs of their nouns. */
export const commandFiles: readonly CommandFile[] = [
  registerInit,
  registerApply,
  registerGet,
  registerDelete,
  registerRevoke,
  registerLift,
  registerExplain,
  registerDecisionList,
  registerDecisionTail,
  registerLists,
  registerUserCreate,
  registerUserStatus,
  registerGroupMembers,
  registerGroupWrites,
  registerDeviceEnrol,
  registerDeviceCertificates,
  registerJoinToken,
  registerTokenCreate,
  registerSecretSet,
  registerKeys,
  registerDeclareRestore,
];
