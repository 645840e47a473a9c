import type { Account } from './back-end.ts';

/** Whoever can open the local socket: the operating system has let them in, and they may do everything. */
export const localAccount: Account = {
  name: 'local',
  tags: ['administrator'],
  version: 0,
  vhostAccess: () => true,
  resourceAccess: () => true,
  checksTopics: () => false,
  topicAccess: () => true,
};
