/**
 * Users and virtual hosts that scenarios about permissions need. A broker that has them is started with
 * CONFORMANCE_FIXTURES unset or 1; set it to 0 against a broker that has only guest, and those scenarios are
 * skipped.
 */
export const PERMISSION_FIXTURES = {
  users: [
    { name: 'guest', password: 'guest', tags: ['administrator'] },
    { name: 'limited', password: 'limited', tags: [] },
  ],
  vhosts: ['/', 'conformance-private'],
  permissions: [
    { user: 'guest', vhost: '/', configure: '.*', write: '.*', read: '.*' },
    { user: 'guest', vhost: 'conformance-private', configure: '.*', write: '.*', read: '.*' },
    // limited: everything with `mine-…`, one thing with `only-write-…`, two with `no-write-…`; no row in
    // conformance-private
    {
      user: 'limited',
      vhost: '/',
      configure: '^(mine|only-configure|no-write|no-read)-',
      write: '^(mine|only-write|no-configure|no-read)-',
      read: '^(mine|only-read|no-configure|no-write)-',
    },
  ],
} as const;
