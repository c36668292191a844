/** Schedules that once broke a promise: they are run again on every commit, with what was wrong. */

export const REGRESSIONS: readonly { readonly id: string; readonly was: string }[] = [
  { id: 'h:15.error1', was: 'a promoted version kept its private label, so its credential was never revoked' },
  {
    id: 'h:12.edit+64.stale',
    was: 'a command for an older version ran later, read a stale secret, and lost its credential to the retire',
  },
  { id: 'h:15.twice+75.stale', was: 'the same while the Action waited for the drain' },
  { id: 'h:10.edit', was: 'the same, after an edit that abandoned the scheduled rotation' },
]
