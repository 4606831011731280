import { accessRoutes } from './access/routes.ts';
import { auditRoutes } from './audit/routes.ts';
import { configurationRoutes } from './configuration/routes.ts';
import type { AdminApp, AdminContext } from './context.ts';
import { decisionRoutes } from './decisions/routes.ts';
import { deviceRoutes } from './devices/routes.ts';
import { edgeRoutes } from './edges/routes.ts';
import { epochRoutes } from './epoch/routes.ts';
import { exportRoutes } from './exports/routes.ts';
import { groupRoutes } from './groups/routes.ts';
import { headerRoutes } from './headers/routes.ts';
import { keyRoutes } from './keys/routes.ts';
import { migrationRoutes } from './migration/routes.ts';
import { rehearsalRoutes } from './rehearsal/routes.ts';
import { revocationRoutes } from './revocations/routes.ts';
import { rolloutRoutes } from './rollouts/routes.ts';
import { secretRoutes } from './secrets/routes.ts';
import { sessionRoutes } from './sessions/routes.ts';
import { signalRoutes } from './signals/routes.ts';
import { tokenRoutes } from './tokens/routes.ts';
import { userRoutes } from './users/routes.ts';

/** Every resource of the API, one row each. */
export const resources: readonly ((app: AdminApp, context: AdminContext) => void)[] = [
  configurationRoutes,
  rolloutRoutes,
  userRoutes,
  groupRoutes,
  deviceRoutes,
  sessionRoutes,
  revocationRoutes,
  signalRoutes,
  decisionRoutes,
  migrationRoutes,
  headerRoutes,
  rehearsalRoutes,
  accessRoutes,
  edgeRoutes,
  tokenRoutes,
  secretRoutes,
  auditRoutes,
  exportRoutes,
  keyRoutes,
  epochRoutes,
];
