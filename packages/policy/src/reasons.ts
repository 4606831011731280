/** Every reason a verdict can have. The words are for the person in front of the page. */
export const reasons = {
  rule_allowed: {
    sentence: 'A rule lets you through.',
    next: '',
  },
  no_rule_allows: {
    sentence: 'No rule gives you access to this page.',
    next: 'If you need it for your work, ask the owner of the application for access.',
  },
  monitor_mode: {
    sentence: 'A rule would refuse access, and this application only watches its rules for now.',
    next: '',
  },
  rule_denied: {
    sentence: 'A rule refuses access to this page.',
    next: 'If you think this is a mistake, send the reference below to your security team.',
  },
  rule_unknown: {
    sentence: 'A rule could not be evaluated, so access is refused.',
    next: 'Try again in a minute. If it stays, send the reference below to your security team.',
  },
  fact_missing: {
    sentence: 'Something needed for the decision is not known.',
    next: 'Try again in a minute. If it stays, send the reference below to your security team.',
  },
  route_unknown: {
    sentence: 'There is no application at this address.',
    next: 'Check the address for typing mistakes.',
  },
  method_not_allowed: {
    sentence: 'The application does not take this kind of request here.',
    next: 'Go back and try again from the application itself.',
  },
  session_required: {
    sentence: 'You are not signed in.',
    next: 'Sign in to go on.',
  },
  session_ended: {
    sentence: 'Your session was ended.',
    next: 'Sign in again to go on.',
  },
  session_expired: {
    sentence: 'Your session has expired.',
    next: 'Sign in again to go on.',
  },
  session_other_device: {
    sentence: 'This session was started on another device.',
    next: 'Sign out and sign in again on this device.',
  },
  session_without_device: {
    sentence: 'You signed in without a device certificate, and this page needs a known device.',
    next: 'Sign out and sign in again while your device certificate is in use.',
  },
  device_certificate_missing: {
    sentence: 'Your browser did not present a device certificate.',
    next: 'Use an enrolled device, and choose its certificate when the browser asks.',
  },
  device_certificate_expired: {
    sentence: 'The certificate of this device has expired.',
    next: 'Renew the device certificate, or ask your IT team to do so.',
  },
  device_certificate_untrusted: {
    sentence: 'The certificate of this device does not come from a trusted authority.',
    next: 'Use an enrolled device, or ask your IT team to enrol this one.',
  },
  device_certificate_unsuitable: {
    sentence: 'The certificate that was presented is not a device certificate.',
    next: 'Choose the certificate of this device when the browser asks.',
  },
  device_unknown: {
    sentence: 'This device is not enrolled.',
    next: 'Ask your IT team to enrol it.',
  },
  device_unmanaged: {
    sentence: 'This page needs a device that your company manages.',
    next: 'Use a managed device.',
  },
  device_not_owned: {
    sentence: 'This device belongs to somebody else.',
    next: 'Use a device that is registered to you.',
  },
  device_posture: {
    sentence: 'This device is not in the state that this page asks for.',
    next: 'Install what updates are waiting and turn on the protection your company asks for, or ask your IT team what is missing.',
  },
  device_certificate_old: {
    sentence: 'The certificate of this device was made too long ago for this page.',
    next: 'Renew the device certificate, or ask your IT team to do so.',
  },
  device_revoked: {
    sentence: 'This device has been blocked.',
    next: 'Contact your security team with the reference below.',
  },
  certificate_revoked: {
    sentence: 'The certificate of this device has been blocked.',
    next: 'Contact your security team with the reference below.',
  },
  service_revoked: {
    sentence: 'The service that this certificate belongs to has been blocked.',
    next: 'Contact your security team with the reference below.',
  },
  user_revoked: {
    sentence: 'Your account has been blocked.',
    next: 'Contact your security team with the reference below.',
  },
  user_suspended: {
    sentence: 'Your account is suspended.',
    next: 'Contact your IT team.',
  },
  employment_ended: {
    sentence: 'Your employment has ended by what is recorded here, and your access with it.',
    next: 'If this is wrong, ask your manager or your IT team to correct the end date.',
  },
  user_unknown: {
    sentence: 'Your account is not known here yet.',
    next: 'Try again in a minute. If it stays, contact your IT team.',
  },
  group_missing: {
    sentence: 'You are not in a group that has access to this page.',
    next: 'Ask the owner of the application for access.',
  },
  employment_other: {
    sentence: 'This page is not open to your kind of employment.',
    next: 'Ask the owner of the application for access.',
  },
  network_other: {
    sentence: 'This page is open from certain networks only, and you are not in one of them.',
    next: 'Connect to a network of your company and try again.',
  },
  place_other: {
    sentence: 'This page is not open from the place or the network provider you are coming from.',
    next: 'If you are travelling, ask the owner of the application for access.',
  },
  time_outside: {
    sentence: 'This page is open at certain times only, and now is not one of them.',
    next: 'Come back at another time, or ask the owner of the application when it is open.',
  },
  access_not_begun: {
    sentence: 'Your access to this page has not begun yet.',
    next: 'Ask the owner of the application when it begins.',
  },
  access_over: {
    sentence: 'Your access to this page was given for a time that is over.',
    next: 'If you still need it, ask the owner of the application for access.',
  },
  authentication_weak: {
    sentence: 'You signed in too long ago, or not strongly enough for this page.',
    next: 'Sign out and sign in again, with a security key if you have one.',
  },
  risk_too_high: {
    sentence: 'Something about this access is unusual, so this page stays closed.',
    next: 'Try again from where and with what you usually work. If it stays, send the reference below to your security team.',
  },
  step_up_required: {
    sentence: 'This page asks you to confirm that it is you.',
    next: 'Sign in again to go on.',
  },
  state_stale: {
    sentence: 'This gateway has had no news for a while and asks you to confirm that it is you.',
    next: 'Sign in again to go on.',
  },
  state_too_old: {
    sentence: 'This gateway has had no news for too long to be sure who may pass.',
    next: 'Nothing is wrong with your account. Try again in a minute. If it stays, send the reference below to your IT team.',
  },
  lockdown: {
    sentence: 'All access is closed at the moment by your security team.',
    next: 'Wait for word from your security team.',
  },
} as const;

export type ReasonCode = keyof typeof reasons;

/**
 * Of the reasons for which no rule lets somebody through, what helps the person most comes first:
 * what is not known, then what is in their own hands, then what others have to give.
 */
export const mostHelpful: readonly ReasonCode[] = [
  'fact_missing',
  'device_certificate_missing',
  'session_without_device',
  'device_unmanaged',
  'device_not_owned',
  'device_certificate_old',
  'device_posture',
  'authentication_weak',
  'network_other',
  'place_other',
  'time_outside',
  'access_not_begun',
  'access_over',
  'risk_too_high',
  'employment_other',
  'group_missing',
];
